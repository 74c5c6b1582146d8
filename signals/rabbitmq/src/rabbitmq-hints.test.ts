/** Taking hints on a channel whose answers a test holds back. */
import { EventEmitter } from 'node:events'
import type { Clock, Hint } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import { expect, test } from 'vitest'
import { BrokerLink } from './broker-link.ts'
import { Names } from './names.ts'
import { RabbitmqHints } from './rabbitmq-hints.ts'
import { rabbitmqSettings } from './rabbitmq-options.ts'
import { systemClock } from './system-clock.ts'

/** Notes what is asked of it; `cancel` waits for `answer`. */
class SlowChannel extends EventEmitter {
  readonly asked: string[] = []
  readonly consumers = new Map<string, (message: Partial<ConsumeMessage>) => void>()
  readonly #waiting: (() => void)[] = []
  async assertExchange(): Promise<void> {}
  async assertQueue(): Promise<void> {}
  async bindQueue(): Promise<void> {}
  async prefetch(): Promise<void> {}
  async consume(queue: string, listener: (message: Partial<ConsumeMessage>) => void): Promise<void> {
    this.asked.push(`consume ${queue.split('.')[2]}`)
    this.consumers.set(queue.split('.')[2] ?? '', listener)
  }
  async cancel(tag: string): Promise<void> {
    this.asked.push(`cancel ${tag}`)
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
  ack(): void {
    this.asked.push('ack')
  }
  nack(): void {
    this.asked.push('nack')
  }
  publish(exchange: string, key: string, _: Buffer, { headers }: { headers: { amount: number } }): boolean {
    this.asked.push(`publish ${exchange} ${key.split('.')[2] ?? key} ${headers.amount}`)
    return true
  }
  async close(): Promise<void> {}
  answer(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

const settled = async (): Promise<void> => {
  for (let n = 0; n < 10; n++) await new Promise<void>((resolve) => void setImmediate(resolve))
}

const hint = { properties: { headers: {} } } as Partial<ConsumeMessage>

test('whoever resumes before its turn to stop has come goes on taking, and a hint goes back once the taker is gone', async () => {
  const channel = new SlowChannel()
  const hints = new RabbitmqHints(new BrokerLink(rabbitmqSettings('amqp://nowhere')), new Names('t'), systemClock)
  const give = async () => channel as unknown as Channel
  await hints.enter({ channel: give, confirmChannel: () => Promise.reject(new TypeError('none here')), flowing: async () => {} })
  await settled()
  const [a, b] = [await hints.take('a', [], async () => 0), await hints.take('b', [], async () => 0)]
  for (const taker of [a, b]) taker.pause()
  for (const queue of ['a', 'b']) channel.consumers.get(queue)?.(hint)
  b.resume()
  await settled()
  expect(channel.asked).toEqual(['consume a', 'consume b', 'cancel take-1'])
  channel.answer()
  await settled()
  expect(channel.asked).toEqual(['consume a', 'consume b', 'cancel take-1', 'nack', 'nack'])
})

/** Moves by hand; one who waits is called when its time has come. */
class HandClock implements Clock {
  #now = 0
  readonly #alarms = new Set<{ readonly at: number; ring(): void }>()
  now(): number {
    return this.#now
  }
  at(at: number, ring: () => void): () => void {
    const alarm = { at, ring }
    this.#alarms.add(alarm)
    return () => void this.#alarms.delete(alarm)
  }
  advance(ms: number): void {
    this.#now += ms
    for (const alarm of this.#alarms) {
      if (alarm.at > this.#now) continue
      this.#alarms.delete(alarm)
      alarm.ring()
    }
  }
}

test('hints at what a worker holds back let others pass, and come again at the end of its line, ever later, until they are of use', async () => {
  const channel = new SlowChannel()
  const clock = new HandClock()
  const hints = new RabbitmqHints(new BrokerLink(rabbitmqSettings('amqp://nowhere')), new Names('t'), clock)
  const give = async () => channel as unknown as Channel
  await hints.enter({ channel: give, confirmChannel: () => Promise.reject(new TypeError('none here')), flowing: async () => {} })
  await settled()
  let isHeld = true
  const take = async ({ name }: Hint): Promise<number> => {
    if (isHeld && name === 'held') throw new RangeError('held back')
    return 0
  }
  await hints.take('a', ['held', 'free'], take)
  /** What comes of giving it a hint, and of a time that passes. */
  const given = async (task: string, ms = 0): Promise<readonly string[]> => {
    channel.asked.length = 0
    channel.consumers.get('a')?.({ properties: { headers: { task, amount: 3 } } } as unknown as Partial<ConsumeMessage>)
    await settled()
    clock.advance(ms)
    return channel.asked
  }
  expect(await given('held')).toEqual(['ack'])
  expect(await given('free')).toEqual(['ack'])
  expect(await given('held', 199)).toEqual(['ack'])
  clock.advance(1)
  expect(channel.asked).toEqual(['ack', 'publish  a 6'])
  expect(await given('held', 399)).toEqual(['ack'])
  clock.advance(1)
  expect(channel.asked).toEqual(['ack', 'publish  a 3'])
  isHeld = false
  expect(await given('held')).toEqual(['ack'])
  isHeld = true
  expect(await given('held', 200)).toEqual(['ack', 'publish  a 3'])
  await given('held')
  await hints.close()
  expect(channel.asked).toEqual(['ack', 'publish  a 3'])
})
