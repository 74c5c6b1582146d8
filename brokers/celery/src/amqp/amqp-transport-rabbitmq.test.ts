/** The transport on a real RabbitMQ: what is sent, taken, settled and listened to. */
import { startRabbitmq } from '@lovage/services'
import { type Channel, connect } from 'amqplib'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import type { TaskArrival } from '../transport.ts'
import { openAmqpTransport } from './amqp-transport.ts'
import { bodyOf, consumer, contents, message, open, soon, taskQueue } from './fixtures/world.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
let names = 0
const fresh = (): string => `q${++names}`

test('a message comes as it was sent, and is gone when it is settled', async () => {
  const transport = await open(server.url)
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
  expect(bodyOf(taken[0]!)).toEqual([[1, 'ä'], {}, {}])
  expect(await taken[0]!.settle('ack')).toBe(true)
  expect(() => taken[0]!.settle('ack')).toThrow('settled once')
  await inflow.close()
  await transport.publish([message(queue.name, 'next')])
  expect(await contents(server.url, queue, 1)).toEqual(['next'])
})

test('thousands in one call come in their order, in batches, and are settled in as few frames', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const count = 3000
  await transport.publish(Array.from({ length: count }, (_, n) => message(queue.name, n)))
  const settled: Promise<boolean>[] = []
  const { values, batches } = await consumer(transport, { queues: [queue], prefetch: 500 }, (arrival) => {
    settled.push(arrival.settle('ack'))
  })
  await vi.waitFor(() => expect(values()).toHaveLength(count), soon)
  expect(values()).toEqual(Array.from({ length: count }, (_, n) => n))
  expect(await Promise.all(settled)).not.toContain(false)
  expect(batches.length).toBeLessThan(count / 4)
  await transport.close()
  expect(await server.control('list_queues', 'name', 'messages')).toContain(`${queue.name}\t0`)
})

test('what is rejected is gone, what is put back comes again', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const seen: unknown[] = []
  await consumer(transport, { queues: [queue] }, (arrival) => {
    seen.push([bodyOf(arrival), arrival.redelivered])
    const isNew = bodyOf(arrival) === 'b' && !arrival.redelivered
    void arrival.settle(isNew ? 'requeue' : 'reject')
  })
  await transport.publish(['a', 'b', 'c'].map((body) => message(queue.name, body)))
  await vi.waitFor(() => expect(seen).toHaveLength(4), soon)
  expect(seen).toContainEqual(['b', true])
  await transport.close()
  expect(await server.control('list_queues', 'name', 'messages')).toContain(`${queue.name}\t0`)
})

test('no more come than may be unsettled, over all queues, and more when more may be', async () => {
  const transport = await open(server.url)
  const queues = [taskQueue(fresh()), taskQueue(fresh())]
  for (const queue of queues) await transport.declare(queue)
  await transport.publish(queues.flatMap(({ name }) => [1, 2, 3, 4, 5].map((n) => message(name, n))))
  const { inflow, taken } = await consumer(transport, { queues, prefetch: 3 })
  await vi.waitFor(() => expect(taken).toHaveLength(3), soon)
  // Both belong to the same tick, and the broker is told the last one only.
  inflow.setPrefetch(1)
  inflow.setPrefetch(5)
  await vi.waitFor(() => expect(taken).toHaveLength(5), soon)
  expect(await server.control('list_channels', 'global_prefetch_count', 'messages_unacknowledged')).toContain('5\t5')
  await taken[0]!.settle('ack')
  await vi.waitFor(() => expect(taken).toHaveLength(6), soon)
})

test('a pause ends deliveries and not settlements, and what comes late is for others', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const { inflow, taken, values } = await consumer(transport, { queues: [queue], prefetch: 2 })
  await transport.publish([message(queue.name, 1)])
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  inflow.pause()
  await transport.publish([message(queue.name, 2)])
  const other = await consumer(await open(server.url), { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await vi.waitFor(() => expect(other.values()).toEqual([2]), soon)
  expect(await taken[0]!.settle('ack')).toBe(true)
  await other.inflow.close()
  inflow.resume()
  await transport.publish([message(queue.name, 3)])
  await vi.waitFor(() => expect(values()).toEqual([1, 3]), soon)
})

test('what is on its way when a pause begins is for others', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const count = 2000
  await transport.publish(Array.from({ length: count }, (_, n) => message(queue.name, n)))
  // Without a limit the broker sends all of it before it hears of the pause.
  let pause = (): void => {}
  const { inflow, taken, batches } = await consumer(transport, { queues: [] }, () => pause())
  pause = () => inflow.pause()
  await inflow.add(queue)
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(0), soon)
  const other = await consumer(await open(server.url), { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await vi.waitFor(() => expect(other.taken.length).toBe(count - taken.length), soon)
  expect(batches).toHaveLength(1)
  expect(new Set([...other.taken, ...taken].map(bodyOf)).size).toBe(count)
})

test('queues come and go while others are consumed', async () => {
  const transport = await open(server.url)
  const [first, second] = [taskQueue(fresh()), taskQueue(fresh())]
  const { inflow, values } = await consumer(transport, { queues: [first] }, (arrival) => void arrival.settle('ack'))
  await inflow.add(second)
  await inflow.add(second)
  await transport.publish([message(second.name, 'second')])
  await vi.waitFor(() => expect(values()).toEqual(['second']), soon)
  await inflow.cancel(second.name)
  await inflow.cancel('never heard of')
  await transport.publish([message(second.name, 'left'), message(first.name, 'first')])
  await vi.waitFor(() => expect(values()).toEqual(['second', 'first']), soon)
  expect(await contents(server.url, second, 1)).toEqual(['left'])
})

test('what was not settled goes back when the inflow closes, and cannot be settled any more', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  const { inflow, taken } = await consumer(transport, { queues: [queue] })
  await transport.publish([1, 2, 3].map((n) => message(queue.name, n)))
  await vi.waitFor(() => expect(taken).toHaveLength(3), soon)
  const settled = taken[1]!.settle('ack')
  await inflow.close()
  expect(await settled).toBe(true)
  expect(await taken[0]!.settle('ack')).toBe(false)
  expect(await contents(server.url, queue, 2)).toEqual([1, 3])
})

test('a mailbox hears what comes to its exchange and to its name', async () => {
  const transport = await open(server.url)
  const name = fresh()
  const binding = { exchange: `${name}.x`, exchangeType: 'topic', exchangeDurable: true, routingKeys: ['worker.#'] } as const
  const heard: unknown[] = []
  const end = await transport.listen({ name, binding, expiresMs: 60_000, messageTtlMs: 5000 }, (arrival) => {
    heard.push(bodyOf(arrival))
    throw new Error('a listener of no good')
  })
  const told = { ...message('worker.online', 1), exchange: binding.exchange }
  transport.tell(binding, told)
  transport.tell(binding, { ...told, routingKey: 'task.sent' })
  transport.tell(undefined, message(name, 2))
  await vi.waitFor(() => expect(heard).toEqual([1, 2]), soon)
  await end()
  await end()
  expect(await server.control('list_queues', 'name')).not.toContain(`${name}\n`)
})

test('a mailbox that another program has is refused in words', async () => {
  const mailbox = { name: fresh(), expiresMs: 10_000 }
  await (await open(server.url)).listen(mailbox, () => {})
  const other = await open(server.url)
  await expect(other.listen(mailbox, () => {})).rejects.toThrow(/"q\d+" \(exclusive.*locked queue.*a name of its own/)
  // The refusal cost nothing else.
  await other.declare(taskQueue(fresh()))
})

test('a body of many frames comes whole', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const big = 'x'.repeat(700_000)
  await transport.publish([message(queue.name, big), message(queue.name, 'small')])
  expect(await contents(server.url, queue, 2)).toEqual([big, 'small'])
})

test('a message that the broker refuses fails alone', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const good = (n: number) => transport.publish([message(queue.name, n)])
  const bad = transport.publish([{ ...message('any', 'bad'), exchange: 'nobody declared it' }])
  const results = await Promise.allSettled([good(1), bad, good(2), good(3)])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  await expect(bad).rejects.toThrow(/"nobody declared it" with the key "any", got: .*NOT_FOUND/)
  // Those that it cannot be told apart from are sent again.
  const values = await contents(server.url, queue, 3)
  expect(new Set(values)).toEqual(new Set([1, 2, 3]))
  expect(transport.told).toEqual([])
})

test('what AMQP cannot carry is refused before it is sent', async () => {
  const transport = await open(server.url)
  const long = 'x'.repeat(300)
  await expect(transport.publish([message(long, 1)])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(transport.publish([message('q', 1, { headers: { [long]: 1 } })])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  const headers = { big: 'x'.repeat(70_000) }
  await expect(transport.publish([message('q', 1, { headers })])).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
  transport.tell(undefined, message(long, 1))
  await transport.publish([message('nobody listens', 1)])
})

test('a task queue that somebody deletes is there again when a message comes for it', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  await server.control('delete_queue', queue.name)
  await transport.publish([message(queue.name, 1), { ...message(queue.name, 2), exchange: queue.exchange }])
  expect(new Set(await contents(server.url, queue, 2))).toEqual(new Set([1, 2]))
})

test('a queue that is deleted under its consumer is consumed again', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  const { values } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await server.control('delete_queue', queue.name)
  await transport.declare(queue)
  await transport.publish([message(queue.name, 1)])
  await vi.waitFor(() => expect(values()).toEqual([1]), soon)
})

test('a queue that is there with other flags is one clear line, and the rest goes on', async () => {
  const transport = await open(server.url)
  const name = fresh()
  const queue = taskQueue(name)
  const { inflow, values } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  const other = taskQueue(name, { arguments: { 'x-max-priority': 10 } })
  const line = new RegExp(`queue "${name}" \\(durable, x-max-priority 10\\).*inequivalent arg 'x-max-priority'.*or delete it$`)
  await expect(transport.declare(other)).rejects.toThrow(line)
  const prior = taskQueue(fresh())
  await transport.declare(prior)
  await expect(inflow.add({ ...prior, arguments: { 'x-max-priority': 10 } })).rejects.toMatchObject({ code: 'QUEUE_MISMATCH' })
  await transport.publish([message(name, 1), message(prior.name, 2)])
  await vi.waitFor(() => expect(values()).toEqual([1]), soon)
})

test('a queue that another program has for itself is refused in words, and had when it is free', async () => {
  const transport = await open(server.url)
  const [queue, other] = [taskQueue(fresh()), taskQueue(fresh())]
  await transport.declare(queue)
  const model = await connect(server.url, { noDelay: true })
  onTestFinished(() => model.close())
  const channel = await model.createChannel()
  const { consumerTag } = await channel.consume(queue.name, () => {}, { exclusive: true })
  const line = new RegExp(`queue "${queue.name}" be consumed, got: .*ACCESS.REFUSED`)
  await expect(consumer(transport, { queues: [queue] })).rejects.toThrow(line)
  const { inflow, values } = await consumer(transport, { queues: [other] }, (arrival) => void arrival.settle('ack'))
  await expect(inflow.add(queue)).rejects.toThrow(line)
  await channel.cancel(consumerTag)
  await inflow.add(queue)
  await transport.publish([queue, other].map(({ name }) => message(name, name)))
  await vi.waitFor(() => expect([...values()].sort()).toEqual([queue.name, other.name].sort()), soon)
})

/** What another program does with a queue so that nobody else may consume it, and how often the others lose what is in hand by it. */
const takings: readonly (readonly [string, number, (channel: Channel, queue: string) => Promise<unknown>])[] = [
  [
    'declares for its connection alone',
    0,
    async (channel, queue) => {
      await channel.deleteQueue(queue)
      await channel.assertQueue(queue, { exclusive: true })
    },
  ],
  ['consumes alone', 1, (channel, queue) => channel.consume(queue, () => {}, { exclusive: true })],
]

test.each(takings)('a queue that another program %s is tried on its own, and the others go on', async (_, times, taken) => {
  const texts: string[] = []
  const hear = (_: object, text: string): void => void texts.push(text)
  const transport = await open(server.url, { logger: { debug: hear, info: hear, warn: hear, error: hear } })
  const [queue, other, third] = [taskQueue(fresh()), taskQueue(fresh()), taskQueue(fresh())]
  const kept: TaskArrival[] = []
  const { inflow, values, losses } = await consumer(transport, { queues: [queue, other] }, (arrival) => {
    if (bodyOf(arrival) === 'kept') kept.push(arrival)
    else void arrival.settle('ack')
  })
  await transport.publish([message(other.name, 'kept')])
  await vi.waitFor(() => expect(kept).toHaveLength(1), soon)
  inflow.pause()
  // Adding waits for its turn after the pause, so that the queue is free by then.
  await inflow.add(third)
  const model = await connect(server.url, { noDelay: true })
  onTestFinished(() => model.close().catch(() => {}))
  await taken(await model.createChannel(), queue.name)
  inflow.resume()
  await vi.waitFor(() => expect(kept).toHaveLength(1 + times), soon)
  for (const n of [1, 2, 3]) {
    await transport.publish([message(other.name, n)])
    await vi.waitFor(() => expect(values()).toContain(n), soon)
  }
  expect(losses).toHaveLength(times)
  expect(await kept.at(-1)!.settle('ack')).toBe(true)
  await model.close()
  await vi.waitFor(() => expect(texts).toContain('a queue that might not be consumed is consumed again'), soon)
  await transport.publish([message(queue.name, 'free')])
  await vi.waitFor(() => expect(values()).toContain('free'), soon)
  // Both channels have something in hand when the connection breaks, which is one loss.
  await transport.publish([queue, other].map(({ name }) => message(name, 'kept')))
  await vi.waitFor(() => expect(kept).toHaveLength(3 + times), soon)
  await server.closeConnections()
  await vi.waitFor(() => expect(kept).toHaveLength(5 + times), soon)
  expect(await Promise.all(kept.slice(-2).map((arrival) => arrival.settle('ack')))).toEqual([true, true])
  await inflow.cancel(queue.name)
  expect(texts.filter((text) => text === 'a queue may not be consumed; trying it from time to time')).toHaveLength(1)
  expect(losses).toHaveLength(times + 1)
})

test('what came from a queue that was refused once is settled when it is consumed no more', async () => {
  let refused = (): void => {}
  const isRefused = new Promise<void>((resolve) => {
    refused = resolve
  })
  const transport = await open(server.url, { logger: { debug() {}, info() {}, warn() {}, error: refused } })
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const { inflow, taken } = await consumer(transport, { queues: [queue] })
  inflow.pause()
  await inflow.add(taskQueue(fresh()))
  const model = await connect(server.url, { noDelay: true })
  onTestFinished(() => model.close().catch(() => {}))
  await (await model.createChannel()).consume(queue.name, () => {}, { exclusive: true })
  inflow.resume()
  await isRefused
  await model.close()
  await transport.publish([message(queue.name, 1)])
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  await inflow.cancel(queue.name)
  await transport.publish([message(queue.name, 2)])
  expect(await contents(server.url, queue, 1)).toEqual([2])
  expect(await taken[0]!.settle('ack')).toBe(true)
  await inflow.add(queue)
  await transport.publish([message(queue.name, 3)])
  await vi.waitFor(() => expect(taken.map(bodyOf)).toEqual([1, 3]), soon)
})

test('closing waits for what was published and settled before', async () => {
  const transport = await openAmqpTransport({ url: server.url })
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const published = transport.publish([1, 2].map((n) => message(queue.name, n)))
  const taken: TaskArrival[] = []
  await transport.consume({ queues: [queue], prefetch: 1 }, { deliver: (arrivals) => taken.push(...arrivals), lost() {} })
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  void taken[0]!.settle('ack')
  const late = transport.publish([message(queue.name, 3)])
  await Promise.all([transport.close(), transport.close()])
  await Promise.all([published, late])
  await expect(transport.publish([message(queue.name, 4)])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(transport.declare(queue)).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  transport.tell(undefined, message(queue.name, 5))
  expect(await contents(server.url, queue, 2)).toEqual([2, 3])
})
