/** Hints that a worker can make nothing of for now, such as those at what it holds back: they go to the end of the line, ever later. */
import type { CancelTimer, Clock } from '@lovage/core'

const firstWaitMs = 200
/** No later than an idle worker looks by itself. */
const longestWaitMs = 30_000

interface Aside {
  amount: number
  giveBack(amount: number): void
  readonly cancel: CancelTimer
}

/**
 * Hints that came back to the head of their queue would come to the same worker again and again, and keep those behind them from
 * everybody. Those that are aside are lost if the process dies, which costs others of its kind a wait; it looks by itself when it may.
 */
export class HintsAside {
  readonly #clock: Clock
  readonly #aside = new Map<string, Aside>()
  /** How long the next one waits, in milliseconds, by key. */
  readonly #waits = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param giveBack is called once for all that are put aside under one key in a while, with the amount of all */
  put(key: string, amount: number, giveBack: (amount: number) => void): void {
    const before = this.#aside.get(key)
    if (before !== undefined) {
      before.amount += amount
      return
    }
    const waitMs = this.#waits.get(key) ?? firstWaitMs
    this.#waits.set(key, Math.min(longestWaitMs, waitMs * 2))
    const cancel = this.#clock.at(this.#clock.now() + waitMs, () => this.#end(key))
    this.#aside.set(key, { amount, giveBack, cancel })
  }

  /** Hints under this key are of use again. */
  used(key: string): void {
    this.#waits.delete(key)
  }

  /** Gives all of them back at once. */
  flush(): void {
    for (const key of [...this.#aside.keys()]) this.#end(key)
  }

  /** Forgets them: whoever is idle looks by itself when the connection is back. */
  clear(): void {
    for (const { cancel } of this.#aside.values()) cancel()
    this.#aside.clear()
    this.#waits.clear()
  }

  #end(key: string): void {
    const aside = this.#aside.get(key)
    if (aside === undefined) return
    this.#aside.delete(key)
    aside.cancel()
    aside.giveBack(aside.amount)
  }
}
