/** The transport on a real RabbitMQ: what is sent, taken, settled and listened to. */
import { startRabbitmq } from '@lovage/services'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Arrival, Inflow, InflowOptions, Publication, TaskArrival, TaskQueue, Transport } from '../transport.ts'
import type { AmqpOptions } from './amqp-options.ts'
import { openAmqpTransport } from './amqp-transport.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
const soon = { timeout: 15_000, interval: 10 }
let names = 0
const fresh = (): string => `q${++names}`

async function open(options: Partial<AmqpOptions> = {}): Promise<Transport> {
  const transport = await openAmqpTransport({ url: server.url, ...options })
  onTestFinished(() => transport.close())
  return transport
}

function taskQueue(name: string, more: Partial<TaskQueue> = {}): TaskQueue {
  return { name, exchange: name, exchangeType: 'direct', routingKey: name, arguments: {}, ...more }
}

function message(routingKey: string, body: unknown, more: Partial<Publication['properties']> = {}): Publication {
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8', headers: {}, ...more }
  return { exchange: '', routingKey, properties, body: Buffer.from(JSON.stringify(body)) }
}

const valueOf = (arrival: Arrival): unknown => JSON.parse(Buffer.from(arrival.body).toString())

/** Consumes and keeps what comes. */
async function consumer(of: Transport, options: Partial<InflowOptions> & Pick<InflowOptions, 'queues'>) {
  const taken: TaskArrival[] = []
  const batches: number[] = []
  const losses: number[] = []
  const inflow: Inflow = await of.consume(
    { prefetch: 0, ...options },
    {
      deliver(arrivals) {
        batches.push(arrivals.length)
        taken.push(...arrivals)
      },
      lost: () => losses.push(taken.length),
    },
  )
  return { inflow, taken, batches, losses, values: () => taken.map(valueOf) }
}

test('a message comes as it was sent, and is gone when it is settled', async () => {
  const transport = await open()
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const headers = {
    task: 'demo.add',
    n: 3,
    big: 2 ** 40,
    half: 0.5,
    none: null,
    list: [1, 'a', null],
    '!': { '!': 'long', value: 1 },
  }
  const more = { headers, correlationId: 'c1', replyTo: 'r1', priority: 3, expirationMs: 60_000, deliveryMode: 1 } as const
  await transport.publish([message(queue.name, [[1, 'ä'], {}, {}], more)])
  const { taken, inflow } = await consumer(transport, { queues: [queue] })
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  expect(taken[0]).toMatchObject({ queue: queue.name, exchange: '', routingKey: queue.name, redelivered: false })
  expect(taken[0]!.properties).toEqual({ contentType: 'application/json', contentEncoding: 'utf-8', ...more })
  expect(valueOf(taken[0]!)).toEqual([[1, 'ä'], {}, {}])
  expect(await taken[0]!.settle('ack')).toBe(true)
  await inflow.close()
  const again = await consumer(await open(), { queues: [queue] })
  await transport.publish([message(queue.name, 'next')])
  await vi.waitFor(() => expect(again.values()).toEqual(['next']), soon)
})

test('a mailbox hears what comes to its exchange', async () => {
  const transport = await open()
  const name = fresh()
  const binding = { exchange: `${name}.x`, exchangeType: 'topic', exchangeDurable: true, routingKeys: ['worker.#'] } as const
  const heard: unknown[] = []
  const end = await transport.listen({ name, binding, expiresMs: 60_000, messageTtlMs: 5000 }, (arrival) => {
    heard.push(valueOf(arrival))
  })
  const told = { ...message('worker.online', 1), exchange: binding.exchange }
  transport.tell(binding, told)
  transport.tell(binding, { ...told, routingKey: 'task.sent' })
  transport.tell(undefined, message(name, 2))
  await vi.waitFor(() => expect(heard).toEqual([1, 2]), soon)
  await end()
})
