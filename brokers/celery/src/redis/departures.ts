/** Messages on their way out of one inflow's hands: settled in batches, or given back as they were. */
import { redeliveredEnvelope } from './envelope.ts'
import type { Hands, InflowPlace } from './hands.ts'
import type { HeldMessage } from './held-message.ts'
import type { RedisLine } from './redis-line.ts'
import { refused } from './redis-refusal.ts'

/** Whether a message was still there when it left. */
type WasThere = (held: HeldMessage) => boolean

/** Messages that leave together, and what Redis says of them. */
interface Party {
  readonly messages: HeldMessage[]
  readonly isRequeued: boolean
  readonly answered: Promise<WasThere>
  answer(wasThere: Promise<WasThere>): void
}

const all: WasThere = () => true

export class Departures {
  readonly #place: InflowPlace
  readonly #hands: Hands
  readonly #onGone: () => void
  #forgotten: Party | undefined
  #requeued: Party | undefined
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
  add(held: HeldMessage, isRequeued: boolean): Promise<boolean> {
    if (!this.#isScheduled) {
      this.#isScheduled = true
      const line = this.#place.link.line
      if (line !== undefined) line.beforeFlush(() => this.#flush())
      else setImmediate(() => this.#flush())
    }
    const party = (isRequeued ? this.#requeued : this.#forgotten) ?? gathered(isRequeued)
    if (isRequeued) this.#requeued = party
    else this.#forgotten = party
    party.messages.push(held)
    return party.answered.then((wasThere) => wasThere(held))
  }

  /** Resolves when Redis has answered for all that are on their way. */
  async answered(): Promise<void> {
    await Promise.all(this.#settling)
  }

  /** The oldest is the next that somebody takes. Rejects with what the line does. */
  async giveBack(line: RedisLine, messages: readonly HeldMessage[], written: (envelope: string) => string): Promise<void> {
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
    const parties = [this.#forgotten, this.#requeued]
    this.#forgotten = undefined
    this.#requeued = undefined
    for (const party of parties) {
      if (party === undefined) continue
      party.answer(this.#settle(party))
      const settling = party.answered.then(
        () => void this.#settling.delete(settling),
        () => void this.#settling.delete(settling),
      )
      this.#settling.add(settling)
    }
    this.#onGone()
  }

  async #settle({ messages, isRequeued }: Party): Promise<WasThere> {
    const { link, settings, clock } = this.#place
    const keys = [settings.unacked, settings.unackedIndex]
    const arguments_ = isRequeued
      ? ['+inf', ...messages.flatMap(({ name, envelope, list }) => [name, 'L', redeliveredEnvelope(envelope), 1, list])]
      : messages.map(({ name }) => name)
    let wasRepeated = false
    try {
      const answers = (await link.persist((line, isRepeated) => {
        wasRepeated = isRepeated
        return line.run(isRequeued ? 'move' : 'ack', keys, arguments_)
      })) as number | readonly number[]
      if (isRequeued) this.#place.stirred(messages.map(({ list }) => list))
      if (typeof answers === 'number') return all
      // Redis may have done it before the line broke; nobody else could have taken it so soon.
      const isSafe = ({ seenAt }: HeldMessage) => wasRepeated && clock.now() - seenAt < settings.visibilityMs
      const gone = new Set(messages.filter((held, index) => answers[index] !== 1 && !isSafe(held)))
      return (held) => !gone.has(held)
    } catch (error) {
      throw refused(error as Error)
    } finally {
      for (const held of messages) this.#hands.left(held)
    }
  }
}

function gathered(isRequeued: boolean): Party {
  let answer: Party['answer'] = () => {}
  const answered = new Promise<WasThere>((resolve) => {
    answer = resolve
  })
  return { messages: [], isRequeued, answered, answer }
}
