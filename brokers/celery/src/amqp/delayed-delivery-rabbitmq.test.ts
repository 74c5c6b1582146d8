/** Celery's native delayed delivery on a real RabbitMQ: the queues of Celery, and messages that wait there and not in a worker. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@lovage/client'
import { defineTask } from '@lovage/core'
import { startCeleryWorker, startRabbitmq } from '@lovage/services'
import { Worker } from '@lovage/worker'
import { type Channel, type ConsumeMessage, connect } from 'amqplib'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { createCeleryBroker } from '../celery-broker.ts'
import type { CelerySettingsInput } from '../settings/celery-settings.ts'
import { delayedRoutingKey } from '../wire/delayed-delivery.ts'
import { type Kind, listing, ordered, type Row } from './fixtures/listing.ts'
import { consumer, message, open, soon, taskQueue } from './fixtures/world.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
const file = join(import.meta.dirname, '../fixtures/demo.py')

const queue = taskQueue('quorumq', { exchange: 'quorumx', exchangeType: 'topic', arguments: { 'x-queue-type': 'quorum' } })
const settings: CelerySettingsInput = {
  task_default_queue_type: 'quorum',
  task_default_queue: queue.name,
  task_default_exchange: queue.exchange,
  task_default_exchange_type: 'topic',
}
const delayed = { delayQueues: 'quorum' } as const
const inASecond = { ...message(queue.name, 'later'), exchange: queue.exchange, delayMs: 1900 }

async function rawChannel(url: string): Promise<Channel> {
  const model = await connect(url, { noDelay: true })
  onTestFinished(() => model.close())
  return await model.createChannel()
}

/** A key that waited: for how many seconds, the load of the machine decides. */
const waitedFor = (key: string): unknown => expect.stringMatching(new RegExp(`^(?:[01]\\.){28}${key}$`))

/** The keys of all that begins to wait. */
async function tap(url: string): Promise<readonly string[]> {
  const channel = await rawChannel(url)
  const keys: string[] = []
  await channel.assertExchange('celery_delayed_27', 'topic', { durable: true })
  const { queue: name } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(name, 'celery_delayed_27', '#')
  await channel.consume(name, (copy) => void keys.push(copy?.fields.routingKey ?? ''), { noAck: true })
  return keys
}

/** A worker whose runs are counted, with its broker. */
async function ourWorker(url: string, more: CelerySettingsInput = {}) {
  const broker = createClient(await createCeleryBroker({ url, results: 'rpc://', settings: { ...settings, ...more } }))
  const runs: unknown[] = []
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const hold = defineTask({
    name: 'hold',
    run: async (_: unknown, { id, headers }) => {
      runs.push([id, headers])
      await released
    },
  })
  const stumble = defineTask({
    name: 'stumble',
    retry: { limit: 1, delay: '1.9s', jitter: 0 },
    run: async (_: unknown, { id }) => {
      runs.push(id)
      if (runs.filter((run) => run === id).length === 1) throw new Error('once')
    },
  })
  const worker = new Worker({ broker, tasks: [hold, stumble], name: 'ours@test', queues: ['default'] })
  onTestFinished(async () => {
    release()
    await worker.stop()
    await broker.close()
  })
  await worker.start()
  return { broker, runs, release, hold, stumble }
}

test('the listing is that of Celery to the letter', async () => {
  const name = join(import.meta.dirname, 'fixtures/topology-delayed-delivery.5.6.3.json')
  const captured = JSON.parse(readFileSync(name, 'utf8')) as Record<Kind, Row[]>
  await consumer(await open(server.url, delayed), { queues: [queue], prefetch: 4 })
  for (const kind of ['exchanges', 'queues', 'bindings', 'consumers'] as const) {
    // How many consume a quorum queue is told late here; they are listed themselves.
    const rows = (of: readonly Row[]): readonly Row[] => of.map(({ consumers: _, active: __, ...row }) => row)
    expect(rows(await listing(server, '/', kind))).toEqual(rows(ordered(kind, captured[kind])))
  }
})

test('who sends first declares it all; what comes out is as it was sent', async () => {
  const transport = await open(server.url, delayed)
  await transport.declare(queue)
  // What it declares first takes its time, which would be part of the delay.
  await transport.publish([{ ...inASecond, delayMs: 3_600_000 }])
  await transport.publish([inASecond])
  const raw = await rawChannel(server.url)
  const { promise: came, resolve: come } = Promise.withResolvers<ConsumeMessage | null>()
  await raw.consume(queue.name, come)
  const { fields, properties } = (await came) ?? expect.unreachable()
  expect(fields).toMatchObject({ exchange: 'celery_delayed_delivery', routingKey: delayedRoutingKey(1, queue.name) })
  expect(properties.headers?.['x-death']).toMatchObject([{ queue: 'celery_delayed_0', reason: 'expired' }])
  await raw.close()
  const { taken } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  expect(taken[0]).toMatchObject({ exchange: queue.exchange, routingKey: queue.name, properties: { headers: {} } })
})

test('what somebody deleted on the way is declared again', async () => {
  const transport = await open(server.url, delayed)
  const { values } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await transport.declare(queue)
  await transport.publish([inASecond])
  const raw = await rawChannel(server.url)
  await raw.deleteQueue('celery_delayed_0')
  await transport.publish([inASecond])
  await raw.deleteExchange('celery_delayed_27')
  await transport.publish([{ ...inASecond, body: Buffer.from('"last"') }])
  await vi.waitFor(() => expect(values().slice(-2)).toEqual(['later', 'last']), soon)
})

test('what goes to a direct exchange, or is due at once, does not wait in RabbitMQ', async () => {
  const keys = await tap(server.url)
  const transport = await open(server.url, delayed)
  const direct = taskQueue('directq', { arguments: queue.arguments })
  for (const each of [queue, direct]) await transport.declare(each)
  const { values } = await consumer(transport, { queues: [queue, direct] }, (arrival) => void arrival.settle('ack'))
  const hour = { delayMs: 3_600_000 }
  await transport.publish([
    { ...message(direct.name, 1), exchange: direct.exchange, ...hour },
    { ...message(direct.name, 2), ...hour },
    { ...inASecond, body: Buffer.from('3'), delayMs: 900 },
    { ...inASecond, body: Buffer.from('4'), delayMs: -1 },
  ])
  await vi.waitFor(() => expect([...values()].sort()).toEqual([1, 2, 3, 4]), soon)
  const raw = await rawChannel(server.url)
  raw.publish('celery_delayed_27', 'end', Buffer.from(''))
  await vi.waitFor(() => expect(keys).toEqual(['end']), soon)
})

test('a task waits there for its time, a retry for its delay; one that is revoked meanwhile is not run', async () => {
  const keys = await tap(server.url)
  const { broker, runs, stumble, hold, release } = await ourWorker(server.url)
  const at = Date.now() + 4900
  const held = await broker.send(hold, undefined, { delay: 4900 })
  const revoked = await broker.send(hold, undefined, { delay: 4900 })
  const retried = await broker.send(stumble, undefined)
  expect(await revoked.cancel()).toBe(true)
  await retried.result({ timeout: '30s' })
  await vi.waitFor(() => expect(runs).toContainEqual([held.id, {}]), soon)
  expect(Date.now()).toBeGreaterThanOrEqual(at)
  expect(keys).toEqual(Array(3).fill(waitedFor(queue.name)))
  const [reply] = await broker.inspect('active')
  expect(reply).toMatchObject({ value: [{ id: held.id, delivery_info: { exchange: queue.exchange, routing_key: queue.name } }] })
  release()
  await held.result({ timeout: '30s' })
  await expect(revoked.result({ timeout: '30s' })).rejects.toMatchObject({ code: 'TASK_EXCEPTION' })
  expect(runs).toEqual([retried.id, retried.id, [held.id, {}]])
})

test('a worker of Celery 5.2 beside it takes what has waited, and retries it', { timeout: 90_000 }, async () => {
  const url = await server.virtualHost()
  const python = {
    task_default_queue: 'orders',
    task_default_exchange: 'ordersx',
    task_default_exchange_type: 'topic',
    task_default_routing_key: 'orders',
  } as const
  const quorum = { name: 'other', queue_arguments: queue.arguments }
  const orders = { name: 'orders', exchange: 'ordersx', exchange_type: 'topic' } as const
  const ours = { task_default_queue: 'orders', task_queues: [orders, quorum] }
  const broker = createClient(await createCeleryBroker({ url, results: 'rpc://', settings: ours }))
  onTestFinished(() => broker.close())
  const keys = await tap(url)
  const worker = await startCeleryWorker({ file, broker: url, backend: 'rpc://', name: 'w1@host', settings: python })
  onTestFinished(() => worker.crash())
  // What it declares first takes its time, which would be part of the delay.
  await broker.send('demo.flaky', undefined, { args: [0], delay: '1h' })
  const task = await broker.send('demo.flaky', undefined, { args: [1], delay: 2900 })
  expect(await task.result({ timeout: '60s' })).toBe(1)
  expect(keys).toEqual([expect.any(String), waitedFor('orders')])
})
