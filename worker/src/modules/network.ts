/** The network module: what this worker knows of the others from their events. */
import type { WorkerEvent } from '@lovage/core'
import type { Module, WorkerSurface } from '../module.ts'

/** Seconds between the beats of a worker that does not say. Celery's value. */
const unknownFreq = 60

/** What is known of another worker. */
export interface Peer {
  readonly name: string
  readonly alive: boolean
  /** Epoch milliseconds of our clock. */
  readonly lastSeenAt: number
  /** From its last event; undefined where it did not say. */
  readonly active: number | undefined
  readonly processed: number | undefined
  readonly software: string | undefined
}

/** A network module, to be asked. */
export interface Network extends Module {
  /** The other workers, by name: those alive, and those that went while this one listened. */
  peers(): readonly Peer[]
}

interface Sighting {
  readonly event: WorkerEvent
  readonly at: number
  readonly offline: boolean
}

/** Listens to worker events from the start to the end. */
export function network(): Network {
  const seen = new Map<string, Sighting>()
  let worker: WorkerSurface | undefined
  let end: () => Promise<void> = async () => {}
  const peers = () => {
    const now = worker?.clock.now() ?? 0
    return [...seen].map(([name, sighting]) => peerOf(name, sighting, now)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  return {
    name: 'network',
    peers,
    async start(surface) {
      worker = surface
      end = await surface.broker.events.capture(['worker-*'], (event) => {
        if (event.worker === surface.name) return
        surface.lamport.merge(event.clock)
        seen.set(event.worker, { event, at: surface.clock.now(), offline: event.type === 'worker-offline' })
      })
    },
    stop: () => end(),
    describe: () => ({ peers: peers() }),
  }
}

function peerOf(name: string, { event, at, offline }: Sighting, now: number): Peer {
  const freq = numberOr(event.freq, undefined) ?? unknownFreq
  return {
    name,
    alive: !offline && now <= at + 2 * freq * 1000,
    lastSeenAt: at,
    active: numberOr(event.active, undefined),
    processed: numberOr(event.processed, undefined),
    software: typeof event.sw_ident === 'string' ? `${event.sw_ident} ${String(event.sw_ver ?? '')}`.trim() : undefined,
  }
}

function numberOr<Other>(value: unknown, other: Other): number | Other {
  return typeof value === 'number' ? value : other
}
