/** Keeps Redis told of what one inflow has in hand, so that nobody takes it for abandoned. */
import type { CancelTimer } from '@lovage/core'
import { unackedText } from './envelope.ts'
import { type Hands, type InflowPlace, scoreOf } from './hands.ts'
import type { RedisLine } from './redis-line.ts'

export class SignsOfLife {
  readonly #place: InflowPlace
  readonly #hands: Hands
  #refresh: CancelTimer | undefined

  /** Begins at once. */
  constructor(place: InflowPlace, hands: Hands) {
    this.#place = place
    this.#hands = hands
    this.#refreshLater()
  }

  end(): void {
    this.#refresh?.()
  }

  /** Redis may have lost what it knew; whatever is in hand is in hand still, unless others have taken it for abandoned. */
  async remind(line: RedisLine): Promise<void> {
    const { settings, clock } = this.#place
    const now = clock.now()
    const fresh = this.#hands.inHand().filter(({ seenAt }) => now - seenAt < settings.visibilityMs)
    if (fresh.length === 0) return
    const entries = fresh.flatMap(({ name, envelope, list, exchange, routingKey }) => [
      ...[name, unackedText(envelope, exchange, routingKey)],
      ...[list, envelope],
    ])
    await line.run('remind', [settings.unacked, settings.unackedIndex], [scoreOf(now), ...entries])
    for (const held of fresh) held.seenAt = now
  }

  /** Whoever looks for messages of dead workers (Python's do, too) sees that these are in hand. */
  #refreshLater(): void {
    const { clock, settings } = this.#place
    this.#refresh = clock.at(clock.now() + settings.visibilityMs / 4, () => {
      this.#refreshLater()
      const { line } = this.#place.link
      const now = clock.now()
      const old = this.#hands.inHand().filter(({ seenAt }) => now - seenAt >= settings.visibilityMs / 8)
      if (line === undefined || old.length === 0) return
      const scores = old.flatMap(({ name }) => [scoreOf(now), name])
      line.ask(['ZADD', settings.unackedIndex, 'XX', ...scores]).then(
        () => {
          for (const held of old) held.seenAt = now
        },
        // The next line begins with it.
        () => {},
      )
    })
  }
}
