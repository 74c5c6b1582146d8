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
  readonly #takers = new Set<HintTaker>()
  #isHungry = true

  constructor(hints: Hints, claimer: Claimer) {
    this.#hints = hints
    this.#claimer = claimer
  }

  /** Takes hints of a queue, of any name if none are given; the answer ends it. */
  async take(queue: string, names: readonly string[] | undefined): Promise<() => void> {
    const taker = await this.#hints.take(queue, names, (hint) => this.#taken(hint))
    this.#takers.add(taker)
    if (!this.#isHungry) taker.pause()
    return () => {
      this.#takers.delete(taker)
      taker.end()
    }
  }

  /** The last claim left room: there is nothing but what hints will tell of. Otherwise they are for others. */
  hungry(isHungry: boolean): void {
    if (this.#isHungry === isHungry) return
    this.#isHungry = isHungry
    for (const taker of this.#takers) {
      if (isHungry) taker.resume()
      else taker.pause()
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
