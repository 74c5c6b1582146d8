/** Connections that break and brokers that go: what was confirmed stays, what was not settled comes again, everything is as it was. */
import { createServer, type Socket } from 'node:net'
import type { Logger } from '@lovage/core'
import { type PrivateRabbitmq, startRabbitmq } from '@lovage/services'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Transport } from '../transport.ts'
import { bodyOf, consumer, contents, message, open, soon, taskQueue } from './fixtures/world.ts'

// What waits in RabbitMQ and is on its way to its queue at a crash is sent on again by RabbitMQ itself: after three minutes, by default.
const server = await startRabbitmq({ settings: { dead_letter_worker_publisher_confirm_timeout: 2000 } })
afterAll(() => server.stop())
let names = 0
const fresh = (): string => `q${++names}`
const enough = new Error('enough')

/** A logger that keeps what it is told. */
function listeningLogger(): { readonly logger: Logger; readonly texts: readonly string[] } {
  const texts: string[] = []
  const hear = (_: object, text: string): void => void texts.push(text)
  return { logger: { debug: hear, info: hear, warn: hear, error: hear }, texts }
}

/** Sends numbered messages while something happens to the broker; answers how many were confirmed. */
async function sending(transport: Transport, queue: string, during: () => Promise<void>): Promise<number> {
  let isOver = false
  let confirmed = 0
  const send = async (): Promise<void> => {
    while (!isOver) {
      const first = confirmed
      await transport.publish([0, 1, 2, 3, 4].map((n) => message(queue, first + n)))
      confirmed += 5
    }
  }
  const sent = send()
  await vi.waitFor(() => expect(confirmed).toBeGreaterThan(0), soon)
  await during()
  const before = confirmed
  await vi.waitFor(() => expect(confirmed).toBeGreaterThan(before), soon)
  isOver = true
  await sent
  return confirmed
}

/** Sends a message that is to wait in RabbitMQ, and answers what came of it. */
async function waiting(): Promise<() => readonly unknown[]> {
  const transport = await open(server.url, { delayQueues: 'quorum' })
  const name = fresh()
  const queue = taskQueue(name, { exchange: `${name}.x`, exchangeType: 'topic', arguments: { 'x-queue-type': 'quorum' } })
  const { values } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await transport.declare(queue)
  await transport.publish([{ ...message(name, 'late'), exchange: queue.exchange, delayMs: 4000 }])
  return values
}

const breaks: readonly (readonly [string, (broker: PrivateRabbitmq) => Promise<void>])[] = [
  ['connections that an operator closes', (broker) => broker.closeConnections()],
  [
    'a broker that is stopped and started',
    async (broker) => {
      await broker.shutDown()
      await broker.restart()
    },
  ],
  [
    'a broker that is killed and started',
    async (broker) => {
      await broker.persist()
      await broker.crash()
      await broker.restart()
    },
  ],
]

test.each(breaks)('%s: nothing that was confirmed is lost, and all goes on', { timeout: 120_000 }, async (_, happens) => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  const mailbox = { name: fresh(), expiresMs: 10_000 }
  const heard: unknown[] = []
  const settled = new Map<unknown, boolean>()
  const kept: unknown[] = []
  await transport.declare(queue)
  await transport.listen(mailbox, (arrival) => heard.push(bodyOf(arrival)))
  // Until it breaks one in three stays in hand, so that there is something to be given back.
  let isWhole = true
  const { losses, values } = await consumer(transport, { queues: [queue], prefetch: 60 }, (arrival) => {
    const value = bodyOf(arrival)
    if (isWhole && Number(value) % 3 === 0 && kept.length < 20) kept.push(value)
    else void arrival.settle('ack').then((isTold) => settled.set(value, isTold))
  })
  const late = await waiting()
  const confirmed = await sending(transport, queue.name, () => {
    isWhole = false
    return happens(server)
  })
  await vi.waitFor(() => expect(new Set(values()).size).toBe(confirmed), soon)
  await vi.waitFor(() => expect([...settled].filter(([, isTold]) => isTold)).toHaveLength(confirmed), soon)
  expect(kept.length).toBeGreaterThan(0)
  expect(losses.length).toBeGreaterThan(0)
  transport.tell(undefined, message(mailbox.name, 'after'))
  await vi.waitFor(() => expect(heard).toContain('after'), soon)
  expect(transport.told[0]).toBe('lost STORE_UNAVAILABLE')
  expect(transport.told.at(-1)).toBe('back')
  await vi.waitFor(() => expect(late()).toEqual(['late']), soon)
})

test('what is told while the broker is away is sent when it is back, the oldest dropped', { timeout: 120_000 }, async () => {
  const { logger, texts } = listeningLogger()
  const transport = await open(server.url, { logger })
  const queue = taskQueue(fresh())
  const binding = { exchange: fresh(), exchangeType: 'direct', exchangeDurable: false, routingKeys: ['k'] } as const
  await transport.declare(queue)
  const { values } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await server.shutDown()
  await vi.waitFor(() => expect(transport.told).toContain('lost STORE_UNAVAILABLE'), soon)
  for (let n = 0; n < 12_000; n++) transport.tell(undefined, message(queue.name, n))
  transport.tell(binding, { ...message('k', 'nobody'), exchange: binding.exchange })
  const published = transport.publish([message(queue.name, 'published')])
  await server.restart()
  await published
  await vi.waitFor(() => expect(values()).toContain(11_999), soon)
  const numbers = values().filter((value) => typeof value === 'number')
  expect(numbers.length).toBeGreaterThanOrEqual(8900)
  expect(numbers.length).toBeLessThanOrEqual(10_000)
  expect(texts.filter((text) => text.includes('dropped'))).toHaveLength(1)
})

test('a broker without memory is waited for, and nothing is dropped', { timeout: 120_000 }, async () => {
  const { logger, texts } = listeningLogger()
  const transport = await open(server.url, { logger })
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  await transport.publish([message(queue.name, 0)])
  await server.control('set_vm_memory_high_watermark', '0')
  onTestFinished(async () => void (await server.control('set_vm_memory_high_watermark', '0.4')))
  let confirmed = 0
  const send = (n: number): Promise<unknown> => transport.publish([message(queue.name, n)]).then(() => confirmed++)
  const sent = Array.from({ length: 50 }, (_, n) => send(n + 1))
  // Consuming goes on meanwhile, on a connection of its own.
  const { values } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  await vi.waitFor(() => expect(values()).toContain(0), soon)
  await vi.waitFor(() => expect(texts).toContain('RabbitMQ takes no messages'), soon)
  // These stay here.
  sent.push(...Array.from({ length: 50 }, (_, n) => send(n + 51)))
  transport.tell(undefined, message(queue.name, 'told'))
  await vi.waitFor(async () => expect(await server.control('list_connections', 'state')).toContain('blocked'), soon)
  expect(confirmed).toBe(0)
  await server.control('set_vm_memory_high_watermark', '0.4')
  await Promise.all(sent)
  await vi.waitFor(() => expect(new Set(values()).size).toBe(102), soon)
  expect(texts).toContain('RabbitMQ takes messages again')
})

test('what waits is withdrawn, and what was written too when its connection breaks', { timeout: 120_000 }, async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  await transport.declare(queue)
  const [early, late] = [new AbortController(), new AbortController()]
  await server.shutDown()
  await vi.waitFor(() => expect(transport.told).toHaveLength(1), soon)
  const kept = transport.publish([message(queue.name, 'kept')])
  const withdrawn = [1, 2].map((n) => transport.publish([message(queue.name, n), message(queue.name, n + 2)], early.signal))
  const ends = Promise.allSettled(withdrawn)
  early.abort(enough)
  await expect(transport.publish([message(queue.name, 5)], early.signal)).rejects.toBe(enough)
  expect(await ends).toEqual(Array(2).fill({ status: 'rejected', reason: enough }))
  await server.restart()
  await kept
  // Without memory it takes what is written and confirms nothing.
  await server.control('set_vm_memory_high_watermark', '0')
  onTestFinished(async () => void (await server.control('set_vm_memory_high_watermark', '0.4')))
  const written = transport.publish([message(queue.name, 'written')], late.signal)
  const end = written.then(
    () => 'confirmed',
    (error) => error,
  )
  await vi.waitFor(async () => expect(await server.control('list_connections', 'state')).toContain('blocked'), soon)
  late.abort(enough)
  await server.shutDown()
  expect(await end).toBe(enough)
  await server.restart()
  await transport.publish([message(queue.name, 'last')])
  expect(await contents(server.url, queue, 2)).toEqual(['kept', 'last'])
})

test('what waits is refused when the transport closes while the broker is away', { timeout: 120_000 }, async () => {
  const transport = await open(server.url)
  await server.shutDown()
  await vi.waitFor(() => expect(transport.told).toHaveLength(1), soon)
  const waiting = [
    transport.publish([message('q', 1)]),
    transport.declare(taskQueue(fresh())),
    transport.listen({ name: 'm', expiresMs: 1000 }, () => {}),
  ]
  const refused = Promise.allSettled(waiting)
  await transport.close()
  expect((await refused).map((each) => each.status)).toEqual(['rejected', 'rejected', 'rejected'])
  await server.restart()
})

test('the first connection fails in words, or is waited for', async () => {
  // Whoever connects is cut off.
  const closed = createServer((socket: Socket) => socket.destroy()).listen(0, '127.0.0.1')
  onTestFinished(() => void closed.close())
  await vi.waitFor(() => expect(closed.listening).toBe(true), soon)
  const { port } = closed.address() as { port: number }
  const nobody = `amqp://u:secret@127.0.0.1:${port}`
  await expect(open(nobody)).rejects.toThrow(
    /^\[store unavailable\] expected RabbitMQ to take a connection, got: amqp:\/\/127(?!.*secret)/,
  )
  const wrong = server.url.replace('private', 'wrong')
  await expect(open(wrong)).rejects.toThrow(/ACCESS.REFUSED(?!.*wrong)/)
  await expect(open(`${server.url}/none`)).rejects.toThrow('it has no virtual host "none", or none that "lovage" may enter')
  // Others are tried in turn.
  const transport = await open(nobody, { url: [nobody, server.url] })
  await transport.declare(taskQueue(fresh()))
  const patient = await open(nobody, { retryOnStartup: true })
  const waiting = expect(patient.publish([message('q', 1)])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await patient.close()
  await waiting
})
