/** The gate of one task name: lets runs begin no faster than its rate limit. */
import type { RateLimit } from '@lovage/core'

/** How far a gate may catch up for timers that come late, in milliseconds; below this, a steady stream counts as even. */
const lateness = 2

export class RateGate {
  readonly #intervalMs: number
  #nextAt = 0

  constructor(limit: RateLimit) {
    this.#intervalMs = limit.perMs / limit.count
  }

  /** When the next run may begin, in epoch milliseconds. */
  get nextAt(): number {
    return Math.ceil(this.#nextAt)
  }

  /** Takes a place now if there is one. Runs are spread evenly; an unused place is not saved up. */
  pass(now: number): boolean {
    if (now < this.#nextAt) return false
    const behind = this.#intervalMs < lateness ? lateness : 0
    this.#nextAt = Math.max(this.#nextAt, now - behind) + this.#intervalMs
    return true
  }

  /** The time between two runs, in milliseconds. */
  get intervalMs(): number {
    return this.#intervalMs
  }
}
