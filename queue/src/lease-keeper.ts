/** Keeps a holder's leases alive and notices, in both directions, when the store and the consumer disagree on what it holds. */
import { type CancelTimer, formatDuration, type RunRef } from '@lovage/core'
import type { Engine } from './engine.ts'

export interface LeaseHome {
  readonly holder: string
  /** The runs that are delivered and not settled. */
  held(): readonly RunRef[]
  /** Whether this run is delivered, or its outcome is on its way to the store. */
  knows(run: RunRef): boolean
  /** The store says that this run is not the holder's any more. */
  lost(run: RunRef): void
  /** The store says that the holder holds this run, but nobody here knows it: its claim's answer was lost. */
  orphaned(run: RunRef): void
  error(error: Error): void
}

/** Renews at a third of the lease, so that two renewals may fail before it ends. */
export class LeaseKeeper {
  readonly #engine: Engine
  readonly #home: LeaseHome
  #cancel: CancelTimer | undefined
  #dueAt = 0
  #suspects = new Set<string>()
  #closed = false
  #announcedAt = 0

  constructor(engine: Engine, home: LeaseHome) {
    this.#engine = engine
    this.#home = home
  }

  /** Begins to renew; harmless when it does already. Ends by itself when nothing is held. */
  start(): void {
    if (this.#cancel !== undefined || this.#closed) return
    const { clock, settings } = this.#engine
    this.#announce(clock.now() + settings.leaseMs)
    this.#dueAt = clock.now() + settings.leaseMs / 3
    this.#cancel = clock.at(this.#dueAt, () => void this.#renewInTime())
  }

  /** Those who maintain wake when the lease would end; then they look how far it has come since. */
  #announce(until: number): void {
    if (until < this.#announcedAt + this.#engine.settings.leaseMs / 3) return
    this.#announcedAt = until
    this.#engine.announcer.due(until)
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  async #renewInTime(): Promise<void> {
    const { clock, settings, logger } = this.#engine
    const late = clock.now() - this.#dueAt
    if (late > settings.leaseMs / 3) {
      logger.warn(
        { holder: this.#home.holder, lateMs: late },
        `the event loop was blocked for ${formatDuration(late)}: handlers that compute long belong in a pool of threads or processes`,
      )
    }
    await this.renew()
    this.#cancel = undefined
    if (this.#home.held().length > 0 || this.#suspects.size > 0) this.start()
  }

  /** Renews now. Never rejects. */
  async renew(): Promise<void> {
    const { clock, store, settings } = this.#engine
    const before = this.#home.held()
    try {
      this.#compare(before, await store.renew({ holder: this.#home.holder, until: clock.now() + settings.leaseMs }))
    } catch (error) {
      this.#home.error(error as Error)
    }
  }

  #compare(before: readonly RunRef[], held: readonly RunRef[]): void {
    const inStore = new Set(held.map(runKey))
    for (const run of before) if (!inStore.has(runKey(run))) this.#home.lost(run)
    // The answer to a claim may still be on its way: only what is unknown twice in a row is an orphan.
    const unknown = held.filter((run) => !this.#home.knows(run))
    for (const run of unknown) if (this.#suspects.has(runKey(run))) this.#home.orphaned(run)
    this.#suspects = new Set(unknown.map(runKey))
  }
}

/** A run as the key of a map. */
export const runKey = ({ id, run }: RunRef): string => `${run} ${id}`
