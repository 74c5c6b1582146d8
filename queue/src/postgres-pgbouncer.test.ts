/** The queue behind a PgBouncer in transaction mode: what works without a session of its own, and what it says is lost. */
import type { Clock } from '@lovage/core'
import { startPgBouncer, startPostgres } from '@lovage/services'
import { type PostgresOptions, postgresBackend } from '@lovage/store-postgres'
import pg from 'pg'
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { job, type ManualClock, manualClock, Recorder } from './fixtures/world.ts'
import { createQueueBroker } from './queue-broker.ts'

const server = await startPostgres({ settings: { max_connections: 200 } })
afterAll(() => server.stop())

const warnings: (Error & { code?: string })[] = []
const noteWarning = (warning: Error): number => warnings.push(warning)
process.on('warning', noteWarning)
afterAll(() => void process.off('warning', noteWarning))
beforeEach(() => void warnings.splice(0))

/** A database, and the way to it through a pooler that has few connections for many clients. */
async function pooled(mode: 'session' | 'transaction' = 'transaction') {
  const direct = await server.database()
  const settings = { default_pool_size: mode === 'transaction' ? 3 : 50 }
  const bouncer = await startPgBouncer(direct, { mode, settings })
  onTestFinished(() => bouncer.stop())
  return { direct, bouncer, url: bouncer.url }
}

async function open(url: string, clock?: Clock, options?: PostgresOptions) {
  const backend = await postgresBackend(url, options)
  const broker = await createQueueBroker({ ...backend, clock: clock ?? backend.clock, random: () => 0 })
  // One whose pooler is gone cannot say goodbye.
  onTestFinished(() => broker.close().catch(() => {}))
  return { broker, store: backend.store }
}

async function clockOf(url: string): Promise<ManualClock> {
  const { clock, close } = await postgresBackend(url)
  const now = clock.now()
  await close()
  return manualClock(now)
}

/** Waits for what other connections bring about. */
function until(holds: () => void): Promise<void> {
  return vi.waitFor(holds, { timeout: 20_000, interval: 10 })
}

test('tasks are sent, found by the slow check, settled and waited for; what is lost is said once', async () => {
  const { url } = await pooled()
  const clock = await clockOf(url)
  const [a, b] = [await open(url, clock), await open(url, clock)]
  const recorder = await new Recorder().open(a.broker)
  await b.broker.tasks.send([job('x'), job('y', { dependencies: ['x'] })])
  const results = Promise.all([b.broker.results.wait('x'), b.broker.results.wait('y')])
  await clock.advance(30_000)
  await until(() => expect(recorder.names).toEqual(['x']))
  await recorder.delivery('x').settle({ type: 'completed', result: 1 })
  await until(() => expect(recorder.names).toEqual(['x', 'y']))
  await recorder.delivery('y').settle({ type: 'completed', result: 2 })
  await clock.advance(30_000)
  expect(await results).toMatchObject([{ result: 1 }, { result: 2 }])
  // Each process says it once, however many parts of it would have listened.
  const lost = warnings.filter(({ code }) => code === 'LOVAGE_SIGNALS_LOST').map(({ message }) => message)
  expect(lost).toHaveLength(2)
  expect(new Set(lost).size).toBe(1)
  expect(lost[0]).toMatch(/no wake-ups and no notice of crashes, work is found by slow checks and by ended leases/)
})

test('in its own process a worker is woken at once, and a task that is due is started at its time', async () => {
  const { url } = await pooled()
  const { broker } = await open(url)
  const recorder = await new Recorder().open(broker)
  await broker.tasks.send([job('now'), job('soon', { at: Date.now() + 500 })])
  await until(() => expect(recorder.names).toEqual(['now', 'soon']))
})

test('a worker behind a pooler that goes down is missed when its lease ends', async () => {
  const { url, direct, bouncer } = await pooled()
  const [frozen, clock] = [await clockOf(direct), await clockOf(direct)]
  const gone = await open(url, frozen)
  const first = await new Recorder().open(gone.broker)
  await gone.broker.tasks.send([job('x')])
  await until(() => expect(first.names).toEqual(['x']))
  const other = await open(direct, clock)
  const second = await new Recorder().open(other.broker, { worker: 'other@host' })
  await bouncer.crash()
  await clock.advance(31_000)
  await until(() => expect(second.names).toEqual(['x']))
  expect((await other.store.get(['x']))[0]).toMatchObject({ run: 1, lost: 1 })
})

test('many calls at once share few connections, and none meets a statement that was prepared on another', async () => {
  const { url } = await pooled()
  const { store } = await open(url, undefined, { connections: 8 })
  const { store: other } = await open(url, undefined, { connections: 8 })
  const now = Date.now()
  const task = { name: 'job', queue: 'q', priority: 4, input: '1', lostLimit: 5, createdAt: now }
  await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      (n % 2 === 0 ? store : other).insert([{ id: `t${n}`, ...task, ...(n % 5 === 0 ? { key: `k${n}` } : {}) }]),
    ),
  )
  const claim = { queues: ['q'], worker: 'w@h', limit: 7, now, until: now + 30_000 }
  const claimed = await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? store : other).claim({ ...claim, holder: `h${n}` })),
  )
  const tasks = claimed.flatMap((reply) => reply.tasks)
  expect(new Set(tasks.map(({ id }) => id)).size).toBe(100)
})

test('who insists on prepared statements there is told', async () => {
  const { url } = await pooled()
  const work = async (): Promise<unknown> => {
    const { store } = await open(url, undefined, { prepare: true, connections: 8 })
    return Promise.all(Array.from({ length: 50 }, () => store.counts()))
  }
  await expect(work()).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('leave out `prepare`') })
})

test('transactions of the caller go through it as well', async () => {
  const { url, direct } = await pooled()
  const { broker } = await open(url)
  const near = await open(direct)
  const recorder = await new Recorder().open(near.broker)
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('begin')
  await broker.tasks.within?.(client).send([job('x')])
  await client.query('commit')
  // Who listens on a connection of its own is woken.
  await until(() => expect(recorder.names).toEqual(['x']))
})

test('in session mode it is as good as none', async () => {
  const { url } = await pooled('session')
  const clock = await clockOf(url)
  const [a, b] = [await open(url, clock), await open(url, clock)]
  const recorder = await new Recorder().open(a.broker)
  await b.broker.tasks.send([job('x')])
  await until(() => expect(recorder.names).toEqual(['x']))
  expect(warnings.filter(({ code }) => code === 'LOVAGE_SIGNALS_LOST')).toEqual([])
})
