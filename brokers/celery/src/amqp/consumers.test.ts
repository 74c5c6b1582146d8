/** Limits that are for each consumer: what may be in hand follows them, with few consumers, whatever happens in whichever order. */
import type { Channel, ConsumeMessage, Options } from 'amqplib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Consumers, type Grant } from './consumers.ts'

interface Toy {
  readonly limit: number
  readonly bring: () => void
  out: number
}

/** A broker with a queue that has no end, and with what was taken of it. */
class EndlessQueue {
  readonly consumers = new Map<string, Toy>()
  readonly inHand: { readonly grant: Grant; readonly of: Toy }[] = []
  readonly #came: Grant[] = []
  readonly #shares: Consumers
  #limit = 0
  #prefetch: number

  constructor(prefetch: number) {
    this.#prefetch = prefetch
    const channel = {
      prefetch: async (count: number) => {
        this.#limit = count
      },
      consume: async (_: string, take: (message: ConsumeMessage) => void, { consumerTag = '' }: Options.Consume) => {
        this.consumers.set(consumerTag, { limit: this.#limit, out: 0, bring: () => take({} as ConsumeMessage) })
      },
      cancel: async (tag: string) => void this.consumers.delete(tag),
    }
    const limit = { prefetch, isGlobal: false }
    this.#shares = new Consumers(channel as unknown as Channel, limit, (_, grant) => void this.#came.push(grant))
  }

  get wanted(): number {
    return this.#prefetch
  }

  async open(): Promise<void> {
    await this.#shares.begin('q')
    this.deliver()
  }

  async setPrefetch(prefetch: number): Promise<void> {
    this.#prefetch = prefetch
    await this.#shares.limit(prefetch)
    this.deliver()
  }

  /** Without a limit twenty at a time are enough to see. */
  deliver(): void {
    for (const of of this.consumers.values()) {
      const room = of.limit === 0 ? 20 : of.limit - of.out
      for (let n = 0; n < room; n++) {
        of.out++
        of.bring()
        this.inHand.push({ grant: this.#came.pop() as Grant, of })
      }
    }
  }

  async settle(index: number): Promise<void> {
    const [settled] = this.inHand.splice(index % this.inHand.length, 1)
    if (settled === undefined) return
    settled.of.out--
    if (this.#shares.settled(settled.grant)) await this.#shares.adjust()
    this.deliver()
  }
}

const step = fc.oneof(
  fc.record({ type: fc.constant('limit' as const), n: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ type: fc.constant('raise' as const), n: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant('lower' as const), n: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant('settle' as const), n: fc.nat(1000) }),
  fc.record({ type: fc.constant('unlimited' as const), n: fc.constant(0) }),
)

async function take(
  { type, n }: typeof step extends fc.Arbitrary<infer Step> ? Step : never,
  queue: EndlessQueue,
): Promise<void> {
  if (type === 'settle') return await queue.settle(n)
  if (type === 'limit' || type === 'unlimited') return await queue.setPrefetch(n)
  for (let count = 0; count < n; count++) {
    await queue.setPrefetch(type === 'raise' ? queue.wanted + 1 : Math.max(1, queue.wanted - 1))
  }
}

test('there are always few consumers and never none, and in hand is what the limit says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 30 }), async (prefetch, steps) => {
      const queue = new EndlessQueue(prefetch)
      await queue.open()
      expect(queue.inHand).toHaveLength(prefetch)
      let most = prefetch
      for (const each of steps) {
        await take(each, queue)
        if (each.type === 'unlimited') most = Number.POSITIVE_INFINITY
        most = Math.max(most, queue.wanted)
        expect(queue.consumers.size).toBeGreaterThanOrEqual(1)
        expect(queue.consumers.size).toBeLessThanOrEqual(50)
        expect(queue.inHand.length).toBeGreaterThanOrEqual(queue.wanted)
        expect(queue.inHand.length).toBeLessThanOrEqual(most * 1.25 + 2)
      }
      if (queue.wanted === 0) await queue.setPrefetch(5)
      for (let left = queue.inHand.length + queue.wanted; left > 0; left--) await queue.settle(0)
      expect(queue.inHand.length).toBeGreaterThanOrEqual(queue.wanted)
      expect(queue.inHand.length).toBeLessThanOrEqual(queue.wanted * 1.25 + 1)
    }),
  )
})

test('a limit that rises a thousand times by one, with all it brings in hand, needs less than fifty consumers', async () => {
  const queue = new EndlessQueue(4)
  await queue.open()
  for (let limit = 5; limit <= 1004; limit++) await queue.setPrefetch(limit)
  expect(queue.consumers.size).toBeLessThan(50)
  expect(queue.inHand.length).toBeGreaterThanOrEqual(1004)
  expect(queue.inHand.length).toBeLessThanOrEqual(1256)
  for (let limit = 1003; limit >= 4; limit--) {
    await queue.setPrefetch(limit)
    await queue.settle(limit)
  }
  for (let left = 2000; left > 0; left--) await queue.settle(0)
  expect(queue.inHand.length).toBeLessThanOrEqual(6)
})
