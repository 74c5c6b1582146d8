/** The gate of one task name: lets runs begin no faster than its rate limit. */
import type { RateLimit } from '@lovage/core'

/** How far a gate may catch up for timers that come late, in milliseconds; below this, a steady stream counts as even. */
const lateness = 2

export class RateGate {
  readonly #intervalMs: number
  #nextAt = 0
  /** When the last run that was sent away has its turn. */
  #awayUntil = 0

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

  /**
   * Sends a run away that finds so many before it, each until a turn of its own, so that it comes back once. Answers for
   * how long, in milliseconds.
   */
  sendAway(now: number, before: number): number {
    this.#awayUntil = Math.max(this.#awayUntil, now + before * this.#intervalMs) + this.#intervalMs
    return Math.ceil(this.#awayUntil - now)
  }
}
