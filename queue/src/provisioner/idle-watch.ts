/** Since when workers have had nothing to do: they are asked over the control bus, now and then. */
import type { Clock, ControlBus } from '@lovage/core'

/** A worker that takes tasks. */
export interface WatchedWorker {
  readonly workerId: string
  /** `name@host`. */
  readonly worker: string
  /** Epoch milliseconds. */
  readonly runningSince: number
}

/** The part of a reply to `stats` that tells. */
interface Load {
  readonly active?: number
  readonly reserved?: number
  readonly scheduled?: number
  readonly processed?: number
}

interface Seen {
  readonly processed: number
  readonly idleSince: number | undefined
}

export class IdleWatch {
  readonly #control: Pick<ControlBus, 'request'>
  readonly #clock: Clock
  #seen: ReadonlyMap<string, Seen> = new Map()

  constructor(control: Pick<ControlBus, 'request'>, clock: Clock) {
    this.#control = control
    this.#clock = clock
  }

  /** By the worker's id; who is busy, or did not answer when last asked, is not there. */
  get idleSince(): ReadonlyMap<string, number> {
    const idle = [...this.#seen].flatMap(([id, { idleSince }]) => (idleSince === undefined ? [] : [[id, idleSince] as const]))
    return new Map(idle)
  }

  /** Asks these workers, and forgets all others. */
  async look(workers: readonly WatchedWorker[]): Promise<void> {
    const destination = workers.map(({ worker }) => worker)
    const replies = destination.length === 0 ? [] : await this.#control.request('stats', {}, { destination })
    const loads = new Map(replies.map((reply) => [reply.worker, reply.ok ? (reply.value as { load?: Load }).load : undefined]))
    const now = this.#clock.now()
    this.#seen = new Map(
      workers.flatMap((worker) => {
        const load = loads.get(worker.worker)
        return load === undefined ? [] : [[worker.workerId, this.#next(worker, load, now)] as const]
      }),
    )
  }

  /** What it ran between two looks shows in the count of its runs. */
  #next({ workerId, runningSince }: WatchedWorker, load: Load, now: number): Seen {
    const { active = 0, reserved = 0, scheduled = 0, processed = 0 } = load
    if (active + reserved + scheduled > 0) return { processed, idleSince: undefined }
    const before = this.#seen.get(workerId) ?? { processed: 0, idleSince: runningSince }
    return { processed, idleSince: processed === before.processed ? (before.idleSince ?? now) : now }
  }
}
