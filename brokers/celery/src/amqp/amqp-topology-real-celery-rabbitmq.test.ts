/** A Python worker and this transport on one RabbitMQ: either may come first, and the listing is that of a cluster of Python alone. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCeleryClient, startCeleryWorker, startRabbitmq } from '@lovage/services'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Mailbox, MailboxBinding, Transport } from '../transport.ts'
import { type Kind, listing, ordered, type Row } from './fixtures/listing.ts'
import { bodyOf, consumer, message, open, soon, taskQueue } from './fixtures/world.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
const file = join(import.meta.dirname, '../fixtures/demo.py')

const node = 'w1@host.example'
const pidbox: MailboxBinding = { exchange: 'celery.pidbox', exchangeType: 'fanout', exchangeDurable: false, routingKeys: [''] }
const replies: MailboxBinding = {
  exchange: 'reply.celery.pidbox',
  exchangeType: 'direct',
  exchangeDurable: false,
  routingKeys: ['oid'],
}
const events: MailboxBinding = { exchange: 'celeryev', exchangeType: 'topic', exchangeDurable: true, routingKeys: ['worker.#'] }
const mailboxes: readonly Mailbox[] = [
  { name: `${node}.celery.pidbox`, binding: pidbox, expiresMs: 10_000, messageTtlMs: 300_000 },
  { name: 'celeryev.d4792e72-b365-4c08-8463-9cfc2c1f9cbc', binding: events, expiresMs: 60_000, messageTtlMs: 5000 },
]
const queue = taskQueue('celery')

/** Declares and consumes what a worker does. */
async function cluster(transport: Transport, names: (name: string) => string = (name) => name): Promise<void> {
  for (const mailbox of mailboxes) await transport.listen({ ...mailbox, name: names(mailbox.name) }, () => {})
  await transport.declare(queue)
  await consumer(transport, { queues: [queue], prefetch: 8 })
  transport.tell(replies, { ...message('nobody', {}), exchange: replies.exchange })
}

test('the listing is that of Celery to the letter', async () => {
  const captured = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/topology.main.json'), 'utf8')) as Record<
    Kind,
    Row[]
  >
  const url = await server.virtualHost()
  const transport = await open(url)
  await cluster(transport)
  const names = new Map(
    captured.queues.map(({ name }) => [
      name,
      mailboxes.find((each) => each.name.split('.')[0] === String(name).split('.')[0])?.name,
    ]),
  )
  // The queue for events has another id in each run.
  const renamed = (text: unknown): unknown => names.get(String(text)) ?? text
  for (const kind of ['exchanges', 'queues', 'bindings', 'consumers'] as const) {
    const expected = captured[kind].map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, renamed(value)])),
    )
    const virtualHost = new URL(url).pathname.slice(1)
    await vi.waitFor(async () => expect(await listing(server, virtualHost, kind)).toEqual(ordered(kind, expected)), soon)
  }
})

test('a Python worker starts beside this one, whoever comes first', { timeout: 90_000 }, async () => {
  for (const isFirst of [true, false]) {
    const url = await server.virtualHost()
    const transport = await open(url)
    const names = (name: string): string => name.replace(node, 'ours@host')
    if (isFirst) await cluster(transport, names)
    const worker = await startCeleryWorker({ file, broker: url, name: 'w1@host', words: ['-E'] })
    onTestFinished(() => worker.crash())
    if (!isFirst) await cluster(transport, names)
    const listed = await listing(server, new URL(url).pathname.slice(1), 'queues')
    expect(listed.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['celery', 'w1@host.celery.pidbox', 'ours@host.celery.pidbox']),
    )
    expect(listed.find(({ name }) => name === 'celery')).toMatchObject({ consumers: 2 })
  }
})

test('Python takes what is published here, and what it sends comes here as it sent it', { timeout: 90_000 }, async () => {
  const url = await server.virtualHost()
  const transport = await open(url)
  const results: unknown[] = []
  await transport.listen({ name: 'oid', expiresMs: 86_400_000 }, (arrival) => results.push(bodyOf(arrival)))
  await transport.declare(queue)
  const worker = await startCeleryWorker({ file, broker: url, backend: 'rpc://', name: 'w1@host' })
  onTestFinished(() => worker.crash())
  const headers = {
    lang: 'js',
    task: 'demo.echo',
    id: 't1',
    retries: 0,
    timelimit: [null, 30],
    mine: { '!': 'a', n: 2 ** 40, list: [true, null] },
  }
  const sent = message('celery', [[1], { a: 2 }, {}], { headers, correlationId: 't1', replyTo: 'oid', priority: 0 })
  await transport.publish([sent])
  await vi.waitFor(() => expect(results).toMatchObject([{ status: 'SUCCESS', task_id: 't1', result: [[1], { a: 2 }] }]), soon)
  await worker.stop()
  const { taken } = await consumer(transport, { queues: [queue] })
  const client = await startCeleryClient({ file, broker: url })
  onTestFinished(() => client.stop())
  const id = await client.run("return add.apply_async((1, 2), headers={'mine': given}, priority=3, expires=60).id", {
    n: 2 ** 40,
    list: [null],
  })
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  const { properties } = taken[0]!
  expect(bodyOf(taken[0]!)).toEqual([[1, 2], {}, { callbacks: null, errbacks: null, chain: null, chord: null }])
  expect(properties).toMatchObject({
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    correlationId: id,
    priority: 3,
    deliveryMode: 2,
  })
  expect(properties.headers).toMatchObject({
    task: 'demo.add',
    id,
    mine: { n: 2 ** 40, list: [null] },
    eta: null,
    timelimit: [null, null],
  })
  expect(properties.expirationMs).toBeGreaterThan(50_000)
})
