/** `celery.chord_unlock` as Python's clients send it where a result backend cannot count, run here over records in Redis. */
import { readFileSync } from 'node:fs'
import { createClient } from '@lovage/client'
import { Worker } from '@lovage/worker'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createCeleryBroker } from '../celery-broker.ts'
import { demoTasks } from '../fixtures/demo-tasks.ts'
import { redisRoom } from '../fixtures/redis/redis-room.ts'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import type { Publication } from '../transport.ts'

interface Message {
  readonly headers: Readonly<Record<string, unknown>>
  readonly reply_to: string
  readonly body: readonly [readonly unknown[], Readonly<Record<string, unknown>>, unknown]
}
interface Flow {
  readonly from: string
  readonly flow: string
  readonly messages: readonly Message[]
}

const flows: readonly Flow[] = JSON.parse(readFileSync(new URL('../fixtures/canvas/flows.json', import.meta.url), 'utf8'))
const { url, raw, open } = await redisRoom()
const patient = { timeout: 20_000, interval: 10 } as const

/** What a client sent: the unlock, then the members of the header; and the id of the body. */
function captured(flow: string) {
  const { messages } = flows.find((one) => one.from === 'flows-chord-unlock.5.6.3' && one.flow === flow) as Flow
  const [unlock, ...members] = messages.filter(({ headers }) => headers.parent_id === undefined) as [Message, ...Message[]]
  const [, body] = unlock.body[0] as readonly [string, { readonly options: { readonly task_id: string } }]
  return { unlock, members, bodyId: body.options.task_id }
}

function publicationOf({ headers, reply_to: replyTo, body }: Message): Publication {
  const due = headers.eta === undefined ? {} : { eta: new Date().toISOString() }
  const content = { contentType: 'application/json', contentEncoding: 'utf-8' }
  const properties = { ...content, correlationId: String(headers.id), replyTo, headers: { ...headers, ...due } }
  return { exchange: '', routingKey: 'celery', properties, body: Buffer.from(JSON.stringify(body)) }
}

test.for([
  ['chord', { state: 'completed', result: 6 }],
  ['chord_failing_header', { state: 'failed', failure: { message: expect.stringMatching(/^Dependency \S+ raised RangeError/) } }],
] as const)('%s: waits for the header, and ends as in Python', { timeout: 60_000 }, async ([flow, end]) => {
  const { unlock, members, bodyId } = captured(flow)
  const settings = { result_chord_retry_interval: 0.05 }
  const broker = createClient(await createCeleryBroker({ url, results: url, settings }))
  const worker = new Worker({ broker, tasks: demoTasks, concurrency: 2 })
  await worker.start()
  onTestFinished(async () => {
    await worker.stop()
    await broker.close()
  })
  const transport = await open()
  await transport.publish([publicationOf(unlock)])
  const hasWaited = async () => expect((await raw.hvals('unacked')).join()).toMatch(/"retries": ?[1-9]/)
  await vi.waitFor(hasWaited, patient)
  await transport.publish(members.map(publicationOf))
  expect(await broker.results.wait(bodyId, { timeoutMs: 20_000 })).toMatchObject(end)
  await vi.waitFor(async () => expect(await raw.exists('unacked', 'celery')).toBe(0), patient)
  // As in Python it leaves no record of its own.
  const records = await raw.keys('celery-task-meta-*')
  expect(records.toSorted()).toEqual(
    [...members.map(({ headers }) => headers.id), bodyId].map((id) => `celery-task-meta-${id}`).toSorted(),
  )
})

test.for(['none', 'rpc'] as const)('is sent round where results are kept nowhere (%s), and that is told once', async (kind) => {
  const { unlock } = captured('chord')
  const cluster = new ToyCluster({ result_chord_retry_interval: 7 }, kind)
  const worker = await ToyWorker.open(cluster)
  const { properties, body } = publicationOf(unlock)
  cluster.now = Date.now() + 60_000
  for (const id of ['first', 'second'])
    cluster.bring({ properties: { ...properties, headers: { ...properties.headers, id } }, body }, id)
  await vi.waitFor(() => expect(cluster.log.filter((line) => line.startsWith('ack'))).toEqual(['ack first', 'ack second']))
  const [again] = cluster.published
  expect(again).toMatchObject({ id: 'first', task: 'celery.chord_unlock', retries: 1, etaMs: cluster.now + 7000 })
  expect(worker.errors).toEqual([expect.stringMatching(/^\[unsupported\] expected a result backend .* it is sent round/)])
})
