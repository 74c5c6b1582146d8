/** Messages on their way out of one inflow's hands: settled in batches, or given back as they were. */
import { redeliveredEnvelope } from './envelope.ts'
import type { Hands, Held, InflowPlace } from './hands.ts'
import type { RedisLine } from './redis-line.ts'
import { refused } from './redis-refusal.ts'

interface Leaving {
  readonly held: Held
  readonly isRequeued: boolean
  resolve(isDone: boolean): void
  reject(error: Error): void
}

export class Departures {
  readonly #place: InflowPlace
  readonly #hands: Hands
  readonly #onGone: () => void
  #leaving: Leaving[] = []
  readonly #settling = new Set<Promise<unknown>>()
  #isScheduled = false

  /** @param onGone called when everything that was about to leave is on its way, before it goes out */
  constructor(place: InflowPlace, hands: Hands, onGone: () => void) {
    this.#place = place
    this.#hands = hands
    this.#onGone = onGone
  }

  /** Something is about to leave: `onGone` follows in this turn. */
  get isScheduled(): boolean {
    return this.#isScheduled
  }

  /** Of one that has left the hands. Resolves when Redis has answered: false if it was not there any more. */
  add(held: Held, isRequeued: boolean): Promise<boolean> {
    const settled = new Promise<boolean>((resolve, reject) => {
      this.#leaving.push({ held, isRequeued, resolve, reject })
    })
    if (!this.#isScheduled) {
      this.#isScheduled = true
      const line = this.#place.link.line
      if (line !== undefined) line.beforeFlush(() => this.#flush())
      else setImmediate(() => this.#flush())
    }
    return settled
  }

  /** Resolves when Redis has answered for all that are on their way. */
  async answered(): Promise<void> {
    await Promise.all(this.#settling)
  }

  /** The oldest is the next that somebody takes. Rejects with what the line does. */
  async giveBack(line: RedisLine, messages: readonly Held[], written: (envelope: string) => string): Promise<void> {
    const mine = messages.filter((held) => this.#hands.leave(held)).reverse()
    if (mine.length === 0) return
    const { unacked, unackedIndex } = this.#place.settings
    const entries = mine.flatMap(({ name, envelope, list }) => [name, 'R', written(envelope), 1, list])
    try {
      await line.run('move', [unacked, unackedIndex], ['+inf', ...entries])
    } finally {
      // What Redis has not moved comes back when nobody has seen it for long enough.
      for (const held of mine) this.#hands.left(held)
    }
    this.#place.stirred(mine.map(({ list }) => list))
  }

  /** What was settled goes out, and in the same write the question for more. */
  #flush(): void {
    this.#isScheduled = false
    const leaving = this.#leaving
    this.#leaving = []
    for (const isRequeued of [false, true]) {
      const part = leaving.filter((each) => each.isRequeued === isRequeued)
      if (part.length === 0) continue
      const settling = this.#settle(part, isRequeued).finally(() => this.#settling.delete(settling))
      this.#settling.add(settling)
    }
    this.#onGone()
  }

  async #settle(part: readonly Leaving[], isRequeued: boolean): Promise<void> {
    const { link, settings, clock } = this.#place
    const keys = [settings.unacked, settings.unackedIndex]
    const arguments_ = isRequeued
      ? ['+inf', ...part.flatMap(({ held }) => [held.name, 'L', redeliveredEnvelope(held.envelope), 1, held.list])]
      : part.map(({ held }) => held.name)
    let wasRepeated = false
    try {
      const answers = (await link.persist((line, isRepeated) => {
        wasRepeated = isRepeated
        return line.run(isRequeued ? 'move' : 'ack', keys, arguments_)
      })) as number | readonly number[]
      for (const [index, { held, resolve }] of part.entries()) {
        this.#hands.left(held)
        const wasThere = typeof answers === 'number' || answers[index] === 1
        // Redis may have done it before the line broke; nobody else could have taken it so soon.
        resolve(wasThere || (wasRepeated && clock.now() - held.seenAt < settings.visibilityMs))
      }
      if (isRequeued) this.#place.stirred(part.map(({ held }) => held.list))
    } catch (error) {
      for (const { held, reject } of part) {
        this.#hands.left(held)
        reject(refused(error as Error))
      }
    }
  }
}
