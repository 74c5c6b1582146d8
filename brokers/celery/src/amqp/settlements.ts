/** Which frames settle what was settled in a tick: acknowledgements are gathered into one where their order allows it. */

/** A frame to the broker. */
export type SettlementFrame =
  /** With `multiple` everything up to the tag that is not settled yet. */
  | { readonly kind: 'ack'; readonly tag: number; readonly multiple: boolean }
  | { readonly kind: 'reject'; readonly tag: number; readonly requeue: boolean }

/** Of one channel: its tags count from 1, in the order of delivery. */
export class Settlements {
  /** The highest tag that is settled. */
  #high = 0
  /** Tags below it that are not, in their order: never more than are in hand, however long one of them takes. */
  readonly #open = new Set<number>()
  #acks: number[] = []
  #rejects: SettlementFrame[] = []

  /** Once for each tag. */
  settle(tag: number, verdict: 'ack' | 'reject' | 'requeue'): void {
    if (tag > this.#high) {
      for (let below = this.#high + 1; below < tag; below++) this.#open.add(below)
      this.#high = tag
    } else this.#open.delete(tag)
    if (verdict === 'ack') this.#acks.push(tag)
    else this.#rejects.push({ kind: 'reject', tag, requeue: verdict === 'requeue' })
  }

  /** Gives the frames for what was settled since it was asked last, in their order. */
  frames(): readonly SettlementFrame[] {
    const frames = this.#rejects
    const [lowestOpen = Number.POSITIVE_INFINITY] = this.#open
    let upTo = 0
    let count = 0
    for (const tag of this.#acks) {
      if (tag > lowestOpen) continue
      upTo = Math.max(upTo, tag)
      count++
    }
    if (count > 0) frames.push({ kind: 'ack', tag: upTo, multiple: count > 1 })
    for (const tag of this.#acks) if (tag > lowestOpen) frames.push({ kind: 'ack', tag, multiple: false })
    this.#acks = []
    this.#rejects = []
    return frames
  }
}
