/** Whatever comes, the consumer goes on: each message is settled or handed over, once. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'

const odd = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.jsonValue()), fc.object())
const headers = fc.record(
  {
    task: fc.oneof(
      fc.constantFrom('job', 'ghost', 'celery.map', 'celery.starmap', 'celery.chord_unlock', 'celery.chain', 'celery.group'),
      odd,
    ),
    id: fc.oneof(fc.constant('id'), odd),
    eta: odd,
    expires: odd,
    retries: odd,
    timelimit: odd,
    group: odd,
    compression: fc.oneof(fc.constantFrom('application/x-gzip', 'application/x-bz2', 'application/zstd'), odd),
    stamps: odd,
    stamped_headers: odd,
    lovage_input: fc.oneof(fc.constantFrom('args', 'kwargs'), odd),
    lovage_retries: odd,
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  fc.uint8Array(),
  fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
  fc
    .tuple(
      fc.array(fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.record({ chain: odd, callbacks: odd, errbacks: odd, chord: odd }, { requiredKeys: [] }),
    )
    .map((value) => Buffer.from(JSON.stringify(value))),
)
const message = fc.record({
  headers,
  body,
  contentType: fc.constantFrom(
    'application/json',
    'application/x-yaml',
    'application/x-msgpack',
    'application/x-python-serialize',
    '',
    'text/plain',
  ),
  contentEncoding: fc.constantFrom('utf-8', 'binary', '', 'utf-16'),
})

test('garbage is settled or handed over, and the next good task comes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 5 }), async (messages) => {
      const cluster = new ToyCluster({ accept_content: ['json', 'yaml', 'msgpack'] })
      const worker = await ToyWorker.open(cluster)
      for (const [index, { headers, body, contentType, contentEncoding }] of messages.entries()) {
        cluster.bring(
          { properties: { contentType, contentEncoding, headers: headers as Record<string, unknown> }, body },
          `m${index}`,
        )
      }
      cluster.arrive({ id: 'good', task: 'job' })
      expect(worker.last.message.id).toBe('good')
      // What waits for its time, or calls the worker's own task, is neither settled nor lost.
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      for (const delivery of worker.deliveries)
        await delivery.settle({ type: 'failed', failure: { name: 'Error', message: 'no' } })
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      for (const index of messages.keys()) {
        const settled = cluster.log.filter((line) => /^(ack|reject|requeue) /.test(line) && line.endsWith(` m${index}`))
        expect(settled.length).toBeLessThanOrEqual(1)
      }
      await worker.consumer?.close()
      expect(cluster.log.at(-1)).toBe('close')
    }),
    { numRuns: 300 },
  )
}, 30_000)
