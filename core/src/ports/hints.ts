/** The Hints port: durable hints at pending tasks, each of which wakes one worker. */

/** Tasks wait in a queue. */
export interface Hint {
  readonly queue: string
  /** What they are; undefined: of any name. */
  readonly name?: string | undefined
  /** How many, at the most; from 1. */
  readonly amount: number
}

/**
 * Hands each hint to one of those who may run its tasks, instead of waking them all. The truth is the store's: a hint too many
 * costs a claim that finds nothing, and for a lost one there is the slow check.
 */
export interface Hints {
  /** Never throws and never blocks. Hints that nobody takes pile up to a bound; then the oldest are dropped. */
  post(hint: Hint): void
  /**
   * Takes hints of the queue for tasks of these names (undefined: of any), one at a time. The handler claims, and answers how many of the hinted
   * tasks it had no room for: another taker is woken for them. A hint is gone when the answer is there, not before; if the
   * handler rejects or its process dies, another taker gets it. Resolves when hints posted from now on may arrive.
   */
  take(queue: string, names: readonly string[] | undefined, handler: (hint: Hint) => Promise<number>): Promise<HintTaker>
}

/** Somebody who takes hints. */
export interface HintTaker {
  /** Leaves hints to others; harmless when it does. */
  pause(): void
  resume(): void
  /** May be called twice. */
  end(): void
}
