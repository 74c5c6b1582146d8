/** What news writes on its channel. */
import { EventEmitter } from 'node:events'
import type { Task } from '@lovage/core'
import type { Channel } from 'amqplib'
import { expect, test } from 'vitest'
import { BrokerLink } from './broker-link.ts'
import { Names } from './names.ts'
import { RabbitmqNews } from './rabbitmq-news.ts'
import { rabbitmqSettings } from './rabbitmq-options.ts'

const task: Task = {
  id: 'a',
  name: 'job',
  queue: 'default',
  state: 'pending',
  priority: 4,
  input: '{}',
  run: -1,
  retries: 0,
  lost: 0,
  lostLimit: 5,
  createdAt: 1_800_000_000_000,
  runs: [],
  blockers: 0,
}

test('what is told of a task twice is written down once', async () => {
  const written: string[] = []
  const bodies = new Set<Buffer>()
  const channel = Object.assign(new EventEmitter(), {
    assertExchange: async () => {},
    publish(exchange: string, key: string, body: Buffer) {
      bodies.add(body)
      const { status } = JSON.parse(body.toString()) as { status: { taskId: string; state: string } }
      return written.push(`${exchange.split('-')[1]} ${key.split('.')[1]} ${status.taskId} ${status.state}`)
    },
  })
  const news = new RabbitmqNews(new BrokerLink(rabbitmqSettings('amqp://nowhere')), new Names('t'))
  await news.enter({
    channel: async () => channel as unknown as Channel,
    confirmChannel: () => Promise.reject(new TypeError('none here')),
    flowing: async () => {},
  })
  news.tell('defined', task)
  news.tell('pending', task)
  news.tell('running', { ...task, state: 'running', run: 0 })
  news.tell('pending', { ...task, id: 'b' })
  await new Promise<void>((resolve) => void setImmediate(resolve))
  expect(written).toEqual(['defined a a pending', 'pending a a pending', 'running a a running', 'pending b b pending'])
  expect(bodies.size).toBe(3)
})
