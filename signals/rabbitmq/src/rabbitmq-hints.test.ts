/** Taking hints on a channel whose answers a test holds back. */
import { EventEmitter } from 'node:events'
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
  nack(): void {
    this.asked.push('nack')
  }
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
