/** Nonces: which signed requests were seen already, in a bounded memory. */

/** How many are remembered; above it the oldest second is forgotten, and what is as old is refused. */
const defaultRoom = 100_000
/** Clocks that are kept are not further ahead, in seconds. */
const aheadSeconds = 5

/**
 * Remembers nonces by the second that their request names. Forgetting one never lets it in again: once there is no room,
 * requests as old as what was forgotten are refused, so that a flood narrows the window instead of opening it. Requests from
 * ahead of time would drive out those of now: they get half of the room, and are refused above it.
 */
export class Nonces {
  readonly #room: number
  readonly #seconds = new Map<number, Set<string>>()
  #size = 0
  #forgotten = Number.NEGATIVE_INFINITY
  /** Requests of this second and before are no longer told apart. */
  #horizon = Number.NEGATIVE_INFINITY

  constructor(room = defaultRoom) {
    this.#room = room
  }

  /**
   * Answers whether the nonce is new, and remembers it.
   * @param second when the request was made, by its own account
   * @param oldest seconds before this one need not be told apart: they are refused by their age
   * @param now the second that it is
   */
  take(owner: string, nonce: string, second: number, oldest: number, now: number): boolean {
    this.#forgetBefore(oldest)
    const present = now + aheadSeconds
    if (second > present && this.#sizeAfter(present) >= this.#room / 2) return false
    // A clock that is set back lets nothing in again.
    if (second <= this.#horizon || second < this.#forgotten) return false
    const seen = this.#seconds.get(second) ?? new Set()
    const key = `${owner}\n${nonce}`
    if (seen.has(key)) return false
    this.#seconds.set(second, seen.add(key))
    this.#size++
    while (this.#size > this.#room) this.#forgetOldest()
    return true
  }

  #sizeAfter(second: number): number {
    let size = 0
    for (const [known, { size: more }] of this.#seconds) if (known > second) size += more
    return size
  }

  /** Time passes for many requests at once. */
  #forgetBefore(oldest: number): void {
    if (oldest <= this.#forgotten) return
    this.#forgotten = oldest
    for (const known of this.#seconds.keys()) if (known < oldest) this.#forget(known)
  }

  #forgetOldest(): void {
    let oldest = Number.POSITIVE_INFINITY
    for (const known of this.#seconds.keys()) oldest = Math.min(oldest, known)
    this.#horizon = Math.max(this.#horizon, oldest)
    this.#forget(oldest)
  }

  #forget(second: number): void {
    this.#size -= this.#seconds.get(second)?.size ?? 0
    this.#seconds.delete(second)
  }
}
