/** How a consumer takes hints: it claims for each, says how much it had no room for, and leaves them to others while it is full. */
import { type Hint, type Hints, type HintTaker, StoreError } from '@lovage/core'
import type { Claimed } from './claim-pump.ts'

/** What taking hints needs of its consumer. */
export interface Claimer {
  /** Why a hint at these tasks is of no use here now; undefined when it is. */
  refuses(hint: Hint): string | undefined
  /** Claims, and resolves when it has. Rejects when it could not. */
  claim(hint: Hint): Promise<Claimed>
}

export class HintTaking {
  readonly #hints: Hints
  readonly #claimer: Claimer
  /** With their queues. */
  readonly #takers = new Map<HintTaker, string>()
  #resting: ReadonlySet<string> = new Set()
  #isHungry = true

  constructor(hints: Hints, claimer: Claimer) {
    this.#hints = hints
    this.#claimer = claimer
  }

  /** Takes hints of a queue, of any name if none are given; the answer ends it. */
  async take(queue: string, names: readonly string[] | undefined): Promise<() => void> {
    const taker = await this.#hints.take(queue, names, (hint) => this.#taken(hint))
    this.#takers.set(taker, queue)
    if (!this.#isHungry || this.#resting.has(queue)) taker.pause()
    return () => {
      this.#takers.delete(taker)
      taker.end()
    }
  }

  /** The last claim left room: there is nothing but what hints will tell of. Otherwise they are for others. */
  hungry(isHungry: boolean): void {
    if (this.#isHungry === isHungry) return
    this.#isHungry = isHungry
    for (const [taker, queue] of this.#takers) {
      if (this.#resting.has(queue)) continue
      if (isHungry) taker.resume()
      else taker.pause()
    }
  }

  /** Hints of these queues are for others; those of the others again for this one. */
  rest(queues: ReadonlySet<string>): void {
    const before = this.#resting
    this.#resting = queues
    if (!this.#isHungry) return
    for (const [taker, queue] of this.#takers) {
      if (queues.has(queue) === before.has(queue)) continue
      if (queues.has(queue)) taker.pause()
      else taker.resume()
    }
  }

  async #taken(hint: Hint): Promise<number> {
    const refusal = this.#claimer.refuses(hint)
    if (refusal !== undefined) {
      // Not an error of anybody's: the hint goes back.
      throw new StoreError('STORE_BUSY', `expected room for tasks of ${hint.queue}, got: ${refusal}`)
    }
    const { claimed, isDry } = await this.#claimer.claim(hint)
    return isDry ? 0 : Math.max(0, hint.amount - claimed)
  }
}
