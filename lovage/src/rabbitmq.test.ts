/** The queue with RabbitMQ beside its store, as users have it: workers that are killed, and a broker that is cut off and restarted. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres, startRabbitmq } from '@lovage/services'
import { connect as dial } from 'amqplib'
import { afterAll, afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Client, connect, defineTask, type Logger, openBackend, Worker } from './index.ts'

const [postgres, rabbitmq] = await Promise.all([startPostgres({ settings: { max_connections: 200 } }), startRabbitmq()])
afterAll(() => Promise.all([postgres.stop(), rabbitmq.stop()]))

const children = new Set<ChildProcess>()
const soon = { timeout: 30_000, interval: 5 }
let directory: string
let file: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lovage-rabbitmq-test-'))
  file = join(directory, 'ran')
  await writeFile(file, '')
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await rm(directory, { recursive: true })
})

interface Place {
  readonly store: string
  readonly signal: string
  readonly alone?: boolean
}

async function startWorker(place: Place, name: string, concurrency = 10): Promise<ChildProcess> {
  const worker = fileURLToPath(new URL('./fixtures/rabbitmq-worker.ts', import.meta.url))
  const child = fork(worker, [JSON.stringify({ ...place, file, name, concurrency })], { execArgv: [] })
  children.add(child)
  await Promise.race([once(child, 'message'), once(child, 'exit')])
  return child
}

/** What ran, one entry for each begin of a handler. */
async function ran(): Promise<readonly { readonly what: string; readonly worker: string; readonly at: number }[]> {
  const text = (await readFile(file, 'utf8')).trim()
  if (text === '') return []
  return text.split('\n').map((line) => {
    const [what = '', worker = '', at = ''] = line.split(' ')
    return { what, worker, at: Number(at) }
  })
}

function ranOn(worker: string): Promise<number> {
  return vi.waitFor(async () => {
    const found = (await ran()).find((line) => line.worker === worker)
    if (found === undefined) throw new TypeError('no such line yet')
    return found.at
  }, soon)
}

async function open(store: string, signal: string, logger?: Logger): Promise<Client> {
  const client = await connect(store, { signal, logger })
  onTestFinished(() => client.close())
  return client
}

/** A logger that keeps what it is told. */
function listener(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (level: string) => (_: object, text: string) => void lines.push(`${level}: ${text}`)
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}

const stores = {
  PostgreSQL: () => postgres.database(),
  SQLite: async () => `sqlite:${join(directory, 'queue.db')}`,
}

describe.for(Object.entries(stores))('beside %s', ([, url]) => {
  test('tasks run, wait, are cancelled, seen and steered as ever', { timeout: 60_000 }, async () => {
    const store = await url()
    const broker = await open(store, rabbitmq.url)
    const double = defineTask({ name: 'double', run: ({ n }: { n: number }) => n * 2 })
    const worker = new Worker({ broker, tasks: [double], name: 'near@host' })
    await worker.start()
    await startWorker({ store, signal: rabbitmq.url }, 'far@host')
    const first = await broker.send(double, { n: 4 })
    expect(await first.result({ timeout: '10s' })).toBe(8)
    const behind = await broker.send(double, { n: 2 }, { dependencies: [first.id], delay: 50 })
    expect(await behind.result({ timeout: '10s' })).toBe(4)
    const held = await broker.send('hang', { n: 1 })
    await ranOn('far@host')
    expect(await held.cancel()).toBe(true)
    await vi.waitFor(async () => expect((await ran()).map(({ what }) => what)).toEqual(['1', 'aborted']), soon)
    const replies = await broker.inspect('ping', { timeout: '10s', limit: 2 })
    expect(replies.map((reply) => reply.worker).sort()).toEqual(['far@host', 'near@host'])
    await Promise.all(Array.from({ length: 500 }, async (_, n) => (await broker.send(double, { n })).result({ timeout: '30s' })))
    await worker.stop()
  })

  test('the task of a worker killed with -9 runs elsewhere, and only RabbitMQ can have told', { timeout: 60_000 }, async () => {
    const store = await url()
    const place = { store, signal: `${rabbitmq.url}?prefix=alone-${Date.now()}`, alone: true }
    const first = await startWorker(place, 'first@host')
    const broker = await open(store, place.signal)
    const task = await broker.send('hang', { n: 1 })
    await ranOn('first@host')
    await startWorker(place, 'second@host')
    const killed = Date.now()
    first.kill('SIGKILL')
    // The lease is 30 s: whatever the load of this machine, only the dead-man's switch can have told.
    expect((await ranOn('second@host')) - killed).toBeLessThan(10_000)
    const [record] = (await broker.admin?.get([task.id])) ?? []
    expect(record).toMatchObject({ state: 'running', run: 1, lost: 1, worker: 'second@host' })
  })
})

test('a command that was not told of the broker works all the same', { timeout: 60_000 }, async () => {
  const store = await postgres.database()
  await startWorker({ store, signal: rabbitmq.url }, 'w@host')
  const plain = await connect(store)
  onTestFinished(() => plain.close())
  expect(await plain.inspect('ping', { timeout: '10s', limit: 1 })).toMatchObject([{ worker: 'w@host', ok: true }])
  // The slow check would find it after 30 s.
  const task = await plain.send('mark', { n: 1 })
  await task.result({ timeout: '10s' })
})

test('one task wakes one of five idle workers', { timeout: 60_000 }, async () => {
  const store = await postgres.database()
  const backend = await openBackend(store, { signal: rabbitmq.url })
  let claims = 0
  const claim = backend.store.claim.bind(backend.store)
  backend.store.claim = (request) => {
    claims++
    return claim(request)
  }
  const { createQueueBroker } = await import('@lovage/queue')
  const ran: string[] = []
  const task = defineTask({ name: 'one', run: (_, context) => void ran.push(context.worker) })
  const broker = await createQueueBroker({ ...backend })
  onTestFinished(() => broker.close())
  const workers = Array.from({ length: 5 }, (_, n) => new Worker({ broker, tasks: [task], name: `w${n}@host`, concurrency: 2 }))
  for (const worker of workers) await worker.start()
  const sender = await open(store, rabbitmq.url)
  // Each worker has claimed when it started; from now on only hints make them.
  await (await sender.send(task, null)).result({ timeout: '10s' })
  const before = claims
  for (let n = 0; n < 10; n++) await (await sender.send(task, null)).result({ timeout: '10s' })
  expect(ran).toHaveLength(11)
  for (const worker of workers) await worker.stop()
  // One for the hint, one that rides along with the settlement, one after it; five workers that all wake make six and more.
  expect(claims - before).toBeLessThanOrEqual(10 * 3 + 3)
})

test('two queues that share a broker do not mix', { timeout: 60_000 }, async () => {
  const [one, other] = [await postgres.database(), await postgres.database()]
  const place = { store: one, signal: rabbitmq.url }
  await startWorker(place, 'one@host')
  const killed = await startWorker({ ...place, store: other }, 'other@host')
  const broker = await open(other, rabbitmq.url)
  await broker.send('hang', { n: 1 })
  await ranOn('other@host')
  expect(await broker.inspect('ping', { timeout: '2s' })).toMatchObject([{ worker: 'other@host' }])
  killed.kill('SIGKILL')
  await startWorker({ ...place, store: other }, 'next@host')
  await ranOn('next@host')
  expect((await ran()).map(({ worker }) => worker)).toEqual(['other@host', 'next@host'])
})

test('a connection that an operator closes comes back, and nothing runs twice', { timeout: 60_000 }, async () => {
  const store = await postgres.database()
  const logger = listener()
  const broker = await open(store, rabbitmq.url, logger)
  await startWorker({ store, signal: rabbitmq.url }, 'a@host')
  await startWorker({ store, signal: rabbitmq.url }, 'b@host')
  const task = await broker.send('hang', { n: 1 })
  await vi.waitFor(async () => expect(await ran()).toHaveLength(1), soon)
  await rabbitmq.closeConnections()
  await vi.waitFor(() => expect(logger.lines).toHaveLength(2), soon)
  expect(logger.lines).toEqual([
    expect.stringMatching(/^warn: expected RabbitMQ at amqp:\/\/127\.0\.0\.1:\d+, got: /),
    expect.stringMatching(/^info: RabbitMQ is back/),
  ])
  const marked = await broker.send('mark', { n: 2 })
  await marked.result({ timeout: '20s' })
  expect((await broker.admin?.get([task.id]))?.[0]).toMatchObject({ state: 'running', run: 0, lost: 0 })
})

test('a broker that is not there is said once, and the queue works without it', { timeout: 60_000 }, async () => {
  const store = `sqlite:${join(directory, 'queue.db')}`
  const nowhere = 'amqp://lovage:secret@127.0.0.1:1'
  const logger = listener()
  const broker = await open(store, nowhere, logger)
  await startWorker({ store, signal: nowhere }, 'w@host')
  const task = await broker.send('mark', { n: 1 })
  await task.result({ timeout: '20s' })
  expect(await broker.inspect('ping', { timeout: '10s', limit: 1 })).toMatchObject([{ worker: 'w@host' }])
  expect(logger.lines).toEqual([
    expect.stringMatching(/^warn: expected RabbitMQ at amqp:\/\/127\.0\.0\.1:1, got: .*ECONNREFUSED/),
  ])
  expect(logger.lines[0]).not.toContain('secret')
})

test.for(['crash', 'shutDown'] as const)(
  'tasks flow through a %s and a restart of the broker: nothing lost, nothing twice',
  {
    timeout: 120_000,
  },
  async (how) => {
    const store = await postgres.database()
    const place = { store, signal: rabbitmq.url }
    for (const name of ['a@host', 'b@host', 'c@host']) await startWorker(place, name)
    const broker = await open(store, rabbitmq.url)
    const held = await broker.send('hang', { n: -1 })
    await vi.waitFor(async () => expect(await ran()).toHaveLength(1), soon)
    const sent: Promise<unknown>[] = []
    let isOver = false
    const flow = (async () => {
      for (let n = 0; !isOver || n < 300; n++) {
        const task = await broker.send('mark', { n })
        sent.push(task.result({ timeout: '90s' }))
        // One after the other, so that the flow lasts through the restart.
        if (n % 3 === 0) await sent[n]
      }
    })()
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(50), soon)
    await rabbitmq.persist()
    await rabbitmq[how]()
    const during = sent.length
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(during + 50), soon)
    await rabbitmq.restart()
    const after = sent.length
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(after + 50), soon)
    isOver = true
    await flow
    await Promise.all(sent)
    const marks = (await ran()).filter(({ what }) => what !== '-1')
    expect(marks).toHaveLength(sent.length)
    expect(new Set(marks.map(({ what }) => what)).size).toBe(sent.length)
    expect((await broker.admin?.get([held.id]))?.[0]).toMatchObject({ state: 'running', run: 0, lost: 0 })
  },
)

test('other systems hear of tasks on the exchanges of the Taskcluster queue', { timeout: 60_000 }, async () => {
  const connection = await dial(rabbitmq.url)
  onTestFinished(() => connection.close())
  const channel = await connection.createChannel()
  const broker = await open(await postgres.database(), `${rabbitmq.url}?prefix=news`)
  const { queue } = await channel.assertQueue('', { exclusive: true })
  for (const kind of ['defined', 'pending', 'running', 'completed', 'failed', 'exception']) {
    await channel.bindQueue(queue, `exchange/news/v1/task-${kind}`, 'primary.#')
  }
  const heard: string[] = []
  await channel.consume(queue, (message) => {
    const { status, runId } = JSON.parse(message?.content.toString() ?? '') as { status: { state: string }; runId: number }
    heard.push(`${message?.fields.exchange.split('-').at(-1)} run ${runId} ${status.state}`)
  })
  let runs = 0
  const flaky = defineTask({
    name: 'flaky',
    retry: { limit: 1, delay: 0 },
    run() {
      if (runs++ === 0) throw new TypeError('once')
    },
  })
  const worker = new Worker({ broker, tasks: [flaky], name: 'w1@rack' })
  await worker.start()
  await (await broker.send(flaky, null)).result({ timeout: '10s' })
  const never = await broker.send('unknown', null)
  await never.cancel()
  await vi.waitFor(() => expect(heard).toHaveLength(10), soon)
  expect(heard).toEqual([
    'defined run 0 pending',
    'pending run 0 pending',
    'running run 0 running',
    'exception run 0 pending',
    'pending run 1 pending',
    'running run 1 running',
    'completed run 1 completed',
    'defined run 0 pending',
    'pending run 0 pending',
    'exception run 0 exception',
  ])
  await worker.stop()
})
