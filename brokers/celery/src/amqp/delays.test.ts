/** Which messages wait in RabbitMQ, where they go for it, and what is theirs when they come back. */
import type { Logger } from '@lovage/core'
import type { Channel } from 'amqplib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { delayedRoutingKey } from '../wire/delayed-delivery.ts'
import type { Declarations } from './declarations.ts'
import { beforeDelay, Delays } from './delays.ts'
import { message, taskQueue } from './fixtures/world.ts'
import { matchesTopic } from './matches-topic.ts'

const orders = taskQueue('orders', { exchange: 'x', exchangeType: 'topic', routingKey: 'orders.*.new' })
const later = { ...message('orders.eu.new', 1), exchange: 'x', delayMs: 2500 }
const taking = { remember: async () => {} } as unknown as Declarations
const texts: string[] = []
const hear = (_: object, text: string): void => void texts.push(text)
const logger: Logger = { debug: hear, info: hear, warn: hear, error: hear }

/** Takes whatever is declared. */
const channel = new Proxy({}, { get: () => async () => {} }) as Channel

async function ready(declarations = taking): Promise<Delays> {
  const delays = new Delays('quorum', logger)
  await delays.declarationOf(orders).make(channel)
  await delays.declarationOf(taskQueue('direct', { exchange: 'd' })).make(channel)
  await delays.ready(declarations, [later])
  return delays
}

describe('what waits', () => {
  const way = (seconds: number, key = later.routingKey) => ({
    exchange: 'celery_delayed_27',
    routingKey: delayedRoutingKey(seconds, key),
  })

  test('is what a known queue takes, for the whole seconds that are left', async () => {
    const delays = await ready()
    expect(delays.addressOf(later, 0)).toEqual(way(2))
    expect(delays.addressOf(later, 1400)).toEqual(way(1))
    expect(delays.wayOf(later)).toHaveLength(29)
  })

  const others = [
    ['what is due by now', { delayMs: 2500 - 1600 }],
    ['what is not delayed', { delayMs: undefined }],
    ['what no known queue takes', { routingKey: 'orders.eu' }],
    ['an exchange that is direct', { exchange: 'd', routingKey: 'direct' }],
    ['an exchange that nobody knows', { exchange: 'y' }],
    ['a key that would be too long', { routingKey: `orders.${'e'.repeat(200)}.new` }],
    ['a delay beyond eight years', { delayMs: 2 ** 28 * 1000 }],
  ] as const
  test.each(others)('is not %s', async (_, more) => {
    const delays = await ready()
    const sent = { ...later, ...more }
    expect(delays.addressOf(sent, 0)).toBe(sent)
  })

  test('is nothing without quorum queues, and nothing before it is declared', async () => {
    const none = new Delays(undefined, logger)
    await none.declarationOf(orders).make(channel)
    expect(none.ready(taking, [later])).toBeUndefined()
    expect(none.addressOf(later, 0)).toBe(later)
    const delays = new Delays('classic', logger)
    await delays.declarationOf(orders).make(channel)
    expect(delays.addressOf(later, 0)).toBe(later)
    expect(delays.ready(taking, [{ ...later, delayMs: undefined }])).toBeUndefined()
    await delays.ready(taking, [later])
    expect(delays.ready(taking, [later])).toBeUndefined()
  })

  test('is nothing for a queue that the broker does not take, until it does', async () => {
    const refusing = new Proxy({}, { get: () => () => Promise.reject(new Error('no')) }) as Channel
    const delays = new Delays('classic', logger)
    const declaration = delays.declarationOf(orders)
    await expect(declaration.make(refusing)).rejects.toThrow('no')
    expect(delays.ready(taking, [later])).toBeUndefined()
    await declaration.make(channel)
    await delays.ready(taking, [later])
    expect(delays.addressOf(later, 0)).toEqual(way(2))
  })

  test('is nothing where the broker refuses it: that is told once, and tried again', async () => {
    let isRefused = true
    const refusing = { remember: () => (isRefused ? Promise.reject(new Error('no')) : Promise.resolve()) }
    const delays = await ready(refusing as unknown as Declarations)
    expect(delays.addressOf(later, 0)).toBe(later)
    await delays.ready(refusing as unknown as Declarations, [later])
    expect(texts).toEqual(['there is no delayed delivery: tasks with an ETA wait in workers'])
    isRefused = false
    await delays.ready(refusing as unknown as Declarations, [later])
    expect(delays.addressOf(later, 0)).toEqual(way(2))
  })
})

describe('what comes back', () => {
  const own = { queue: 'celery_delayed_0', reason: 'expired' }
  const headers = { 'x-death': [own], 'x-first-death-queue': 'celery_delayed_0', 'x-first-death-reason': 'expired', mine: 1 }
  const arrival = {
    ...later,
    delayMs: undefined,
    exchange: 'celery_delayed_delivery',
    routingKey: delayedRoutingKey(2, later.routingKey) ?? '',
    redelivered: false,
  }
  const came = (more: object, queue = orders) =>
    beforeDelay({ ...arrival, properties: { ...arrival.properties, headers: more as typeof headers } }, queue)

  test('has its exchange, its key and its headers again', () => {
    expect(came(headers)).toMatchObject({ exchange: 'x', routingKey: later.routingKey })
    expect(came(headers).properties.headers).toEqual({ mine: 1 })
  })

  test('is known by the exchange of whichever level it came from last', () => {
    for (const exchange of ['celery_delayed_0', 'celery_delayed_26']) {
      const came = beforeDelay({ ...arrival, exchange, properties: { ...arrival.properties, headers } }, orders)
      expect(came).toMatchObject({ exchange: 'x', routingKey: later.routingKey, properties: { headers: { mine: 1 } } })
    }
  })

  test('keeps what other queues wrote', () => {
    const other = { queue: 'rejected', reason: 'rejected' }
    const mixed = { ...headers, 'x-death': [own, other], 'x-first-death-queue': 'rejected' }
    const { mine, 'x-first-death-queue': queue, 'x-first-death-reason': reason } = mixed
    const kept = { mine, 'x-death': [other], 'x-first-death-queue': queue, 'x-first-death-reason': reason }
    expect(came(mixed).properties.headers).toEqual(kept)
    expect(came({ mine: 1 }).properties.headers).toEqual({ mine: 1 })
    expect(came({ 'x-death': [null] }).properties.headers).toEqual({ 'x-death': [null] })
  })

  test('came to its queue where that is all that is known; what did not wait stays as it is', () => {
    expect(came(headers, taskQueue('direct', { exchange: 'd' }))).toMatchObject({ exchange: '', routingKey: 'direct' })
    const normal = { ...arrival, exchange: 'x' }
    expect(beforeDelay(normal, orders)).toBe(normal)
  })
})

test('keys match bindings as in a topic exchange', () => {
  const words = fc.array(fc.constantFrom('a', 'b', '*', '#'), { minLength: 1, maxLength: 5 })
  const key = fc.array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 5 })
  const pattern = (binding: readonly string[]): RegExp => {
    const parts = binding.map((word) => (word === '#' ? '(?:[^.]*\\.)*' : word === '*' ? '[^.]*\\.' : `${word}\\.`))
    return new RegExp(`^${parts.join('')}$`)
  }
  fc.assert(
    fc.property(words, key, (binding, sent) => {
      expect(matchesTopic(binding.join('.'), sent.join('.'))).toBe(pattern(binding).test(`${sent.join('.')}.`))
    }),
  )
})
