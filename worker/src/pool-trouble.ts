/** Tells that the pool cannot begin runs: at once, then now and again for as long as it lasts. */
import { type Clock, ConfigError, type Failure } from '@lovage/core'
import { reviveError } from './pools/revive-error.ts'

/** Milliseconds between two reports. */
const quietMs = 10_000

export interface PoolTroubleOptions {
  readonly clock: Clock
  readonly report: (error: unknown) => void
  readonly pool: string
}

export class PoolTrouble {
  readonly #options: PoolTroubleOptions
  #quietUntil = 0
  /** Runs since the last report. */
  #count = 0

  constructor(options: PoolTroubleOptions) {
    this.#options = options
  }

  /** A run of this task goes back without having begun. */
  add(task: string, failure: Failure): void {
    const { clock, report, pool } = this.#options
    const now = clock.now()
    this.#count++
    if (now < this.#quietUntil) return
    const back =
      this.#count === 1
        ? '1 task went back to its queue'
        : `${this.#count} tasks went back to their queues since this was last said`
    const text = `expected the pool (${pool}) to run ${task}, got: ${failure.message}; ${back}`
    report(new ConfigError('MODULE_INVALID', text, { subject: task, cause: reviveError(failure) }))
    this.#quietUntil = now + quietMs
    this.#count = 0
  }
}
