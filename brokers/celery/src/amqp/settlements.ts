/** Which frames settle what was settled in a tick: acknowledgements are gathered into one where their order allows it. */

/** A frame to the broker. */
export type SettlementFrame =
  /** With `multiple` everything up to the tag that is not settled yet. */
  | { readonly kind: 'ack'; readonly tag: number; readonly multiple: boolean }
  | { readonly kind: 'reject'; readonly tag: number; readonly requeue: boolean }

/** Of one channel: its tags count from 1, in the order of delivery. */
export class Settlements {
  /** Everything below it is settled and told. */
  #low = 1
  /** What is settled and told from there on. */
  readonly #told = new Set<number>()
  #acks = new Set<number>()
  #rejects = new Map<number, boolean>()

  /** Once for each tag. */
  settle(tag: number, verdict: 'ack' | 'reject' | 'requeue'): void {
    if (verdict === 'ack') this.#acks.add(tag)
    else this.#rejects.set(tag, verdict === 'requeue')
  }

  /** Gives the frames for what was settled since it was asked last, in their order. */
  frames(): readonly SettlementFrame[] {
    const frames: SettlementFrame[] = []
    for (const [tag, requeue] of this.#rejects) {
      frames.push({ kind: 'reject', tag, requeue })
      this.#told.add(tag)
    }
    const upTo = this.#advance()
    if (upTo !== undefined) frames.push(upTo)
    for (const tag of this.#acks) {
      frames.push({ kind: 'ack', tag, multiple: false })
      this.#told.add(tag)
    }
    this.#rejects = new Map()
    this.#acks = new Set()
    return frames
  }

  /** Takes the acknowledgements that leave no gap below them. */
  #advance(): SettlementFrame | undefined {
    let tag = 0
    let count = 0
    for (; ; this.#low++) {
      if (this.#acks.delete(this.#low)) {
        tag = this.#low
        count++
      } else if (!this.#told.delete(this.#low)) break
    }
    return count === 0 ? undefined : { kind: 'ack', tag, multiple: count > 1 }
  }
}
