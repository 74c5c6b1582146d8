/** Garbage of every kind that RabbitMQ takes: it arrives, and what comes after it too. */
import type { Socket } from 'node:net'
import { startRabbitmq } from '@lovage/services'
import { connect } from 'amqplib'
import fc from 'fast-check'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { consumer, message, open, soon, taskQueue } from './fixtures/world.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
let names = 0
const fresh = (): string => `q${++names}`

/** Values with every type that the library can write. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: -128, max: 127 }).map((n) => ({ '!': 'byte', value: n })),
    fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }).map((n) => ({ '!': 'short', value: n })),
    fc.integer().map((n) => ({ '!': 'int', value: n })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => ({ '!': 'long', value: n })),
    // RabbitMQ ends connections over those that are no finite numbers.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => ({ '!': 'double', value: n })),
    fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => ({ '!': 'float', value: n })),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => ({ '!': 'timestamp', value: n })),
    fc.tuple(fc.nat(255), fc.nat()).map(([places, digits]) => ({ '!': 'decimal', value: { places, digits } })),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))
const shortText = fc.string({ maxLength: 60, unit: 'binary' })
const garbage = fc.record(
  {
    contentType: fc.oneof(shortText, fc.constantFrom('application/json', 'application/x-python-serialize', '')),
    contentEncoding: fc.oneof(shortText, fc.constantFrom('utf-8', 'binary', 'klingon')),
    headers: fc.dictionary(fc.string({ maxLength: 30 }), value, { maxKeys: 6, noNullPrototype: true }),
    correlationId: shortText,
    replyTo: shortText,
    messageId: shortText,
    type: shortText,
    priority: fc.nat(255),
    deliveryMode: fc.constantFrom(1, 2),
    timestamp: fc.nat(),
  },
  { requiredKeys: [] },
)
const body = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(new Uint8Array(), new Uint8Array(5000)))

test('whatever properties and bodies come, all arrive and can be settled', { timeout: 120_000 }, async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  let heard = 0
  const mailbox = { name: fresh(), expiresMs: 10_000 }
  await transport.listen(mailbox, () => heard++)
  const settled: Promise<boolean>[] = []
  const { taken } = await consumer(transport, { queues: [queue], prefetch: 100 }, (arrival) => {
    settled.push(arrival.settle('reject'))
  })
  const model = await connect(server.url, { noDelay: true })
  model.on('error', () => {})
  onTestFinished(() => model.close().catch(() => {}))
  const channel = await model.createConfirmChannel()
  const messages = fc.sample(fc.tuple(garbage, body), { numRuns: 600, seed: 20_261_121 })
  for (const [properties, bytes] of messages) {
    for (const name of [queue.name, mailbox.name]) channel.sendToQueue(name, Buffer.from(bytes), properties)
  }
  await channel.waitForConfirms()
  await vi.waitFor(() => expect([taken.length, heard]).toEqual([600, 600]), soon)
  expect(await Promise.all(settled)).not.toContain(false)
  expect(taken.map((arrival) => Buffer.from(arrival.body).toString('hex'))).toEqual(
    messages.map(([, bytes]) => Buffer.from(bytes).toString('hex')),
  )
  expect(() => taken.map(({ properties }) => JSON.stringify(properties))).not.toThrow()
  expect(transport.told).toEqual([])
})

/** Frames of a publication to a queue through the default exchange, with these entries as headers. */
function frames(queue: string, entries: Buffer): Buffer {
  const method = Buffer.concat([Buffer.from([0, 60, 0, 40, 0, 0, 0, queue.length]), Buffer.from(queue), Buffer.from([0])])
  const head = Buffer.alloc(14)
  head.writeUInt16BE(60)
  head.writeUInt16BE(0x2000, 12)
  return Buffer.concat([frame(1, method), frame(2, Buffer.concat([head, sized(entries)]))])
}

function frame(type: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 1]), sized(payload), Buffer.from([0xce])])
}

function sized(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(bytes.length)
  return Buffer.concat([size, bytes])
}

test('headers that the library cannot read arrive as well', { timeout: 60_000 }, async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh())
  const { taken } = await consumer(transport, { queues: [queue] }, (arrival) => void arrival.settle('ack'))
  let nested = Buffer.alloc(0)
  for (let n = 0; n < 5000; n++) nested = Buffer.concat([Buffer.from([1, 97, 70]), sized(nested)])
  const python = Buffer.from([1, 110, 76, 0, 0, 1, 0, 0, 0, 0, 0])
  const model = await connect(server.url, { noDelay: true })
  onTestFinished(() => model.close().catch(() => {}))
  await model.createChannel()
  const { stream } = model.connection as unknown as { readonly stream: Socket }
  stream.write(Buffer.concat([frames(queue.name, python), frames(queue.name, nested)]))
  await vi.waitFor(() => expect(taken).toHaveLength(2), soon)
  expect(taken[0]!.properties).toMatchObject({ contentType: 'application/data', headers: { n: 2 ** 40 } })
  await transport.publish([message(queue.name, 'after')])
  await vi.waitFor(() => expect(taken).toHaveLength(3), soon)
  expect(transport.told).toEqual([])
})
