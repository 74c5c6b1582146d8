/** When to look again at tasks that others had in hand: at once, and less often while they keep them. */

/** Milliseconds. */
const [first, longest] = [10, 500]

export class SecondLook {
  #nextMs = first

  /** Milliseconds from now; undefined when nobody had anything in hand. */
  after(claim: { readonly isKept: boolean; readonly taken: number }): number | undefined {
    if (!claim.isKept || claim.taken > 0) this.#nextMs = first
    if (!claim.isKept) return undefined
    const ms = this.#nextMs
    // A transaction of a user's may last: everybody who is idle would claim a hundred times a second.
    this.#nextMs = Math.min(ms * 2, longest)
    return ms
  }
}
