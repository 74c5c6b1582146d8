/** A handler's own writes, what it sends and its completion in one transaction: all of it or nothing, once. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@lovage/services'
import { postgresBackend } from '@lovage/store-postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connect, defineTask, type TaskContext, Worker } from './index.ts'

const server = await startPostgres({ settings: { max_connections: 200 } })
afterAll(() => server.stop())

let url: string
let broker: Client
let sql: pg.Client
/** What a test began, to be ended before the broker is. */
const ends: (() => unknown)[] = []

beforeEach(async () => {
  url = await server.database()
  broker = await connect(url)
  sql = new pg.Client(url)
  await sql.connect()
  await sql.query('create table ledger (task text, amount integer)')
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await sql.end()
  await broker.close()
})

async function ledger(): Promise<readonly unknown[]> {
  return (await sql.query('select task, amount from ledger order by task, amount')).rows
}

async function waiting(name: string): Promise<number> {
  return (await broker.find({ name, states: ['pending'] })).tasks.length
}

/** Runs the handler with a client of its own in a worker of this process; answers what ran. */
async function startWorker(
  run: (client: pg.Client, context: TaskContext) => Promise<unknown>,
  options: { retry?: { limit: number; delay: string } } = {},
): Promise<Worker> {
  const client = new pg.Client(url)
  await client.connect()
  const transfer = defineTask({ name: 'transfer', ...options, run: (_: { amount: number }, context) => run(client, context) })
  const worker = new Worker({ broker, tasks: [transfer] })
  ends.push(async () => {
    await worker.stop()
    await client.end()
  })
  await worker.start()
  return worker
}

/** A process that stops somewhere; resolves when it is there. */
async function startProcess(stop: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./fixtures/transfer-process.ts', import.meta.url))
  const child = fork(file, [url, stop], { execArgv: [] })
  ends.push(() => child.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    child.on('message', (place) => place === 'ready' && resolve())
    child.once('exit', () => reject(new Error('the process ended')))
  })
  return child
}

function at(child: ChildProcess, place: string): Promise<void> {
  return new Promise((resolve) => child.on('message', (reached) => reached === place && resolve()))
}

test('writes, more tasks and the completion are there with the commit, and the run is not settled again', async () => {
  const seen: unknown[] = []
  const worker = await startWorker(async (client, context) => {
    await client.query('begin')
    await client.query('insert into ledger values ($1, 5)', [context.id])
    const inside = context.within(client)
    await inside.send('receipt', { amount: 5 })
    context.progress(0.9)
    const result = await inside.complete({ amount: 5 })
    seen.push((await broker.task(context.id).state()).state, await waiting('receipt'))
    await client.query('commit')
    seen.push((await broker.task(context.id).state()).state, await waiting('receipt'))
    return result
  })
  const events: string[] = []
  const end = await broker.capture('task-*', ({ type }) => void events.push(type))
  const task = await broker.send('transfer', { amount: 5 }, { id: 't' })
  expect(await task.result({ timeout: '20s' })).toEqual({ amount: 5 })
  await worker.stop()
  await end()
  expect(seen).toEqual(['running', 0, 'completed', 1])
  expect(await ledger()).toEqual([{ task: 't', amount: 5 }])
  expect((await broker.get(['t']))[0]).toMatchObject({ run: 0, progress: '0.9', runs: [] })
  expect(events).toContain('task-succeeded')
})

test('after a rollback it is as if nothing had been done, and the handler decides how the run ends', async () => {
  await startWorker(
    async (client, context) => {
      await client.query('begin')
      await client.query('insert into ledger values ($1, $2)', [context.id, context.retries])
      await context.within(client).send('receipt', {})
      await context.within(client).complete('first')
      if (context.retries === 0) {
        await client.query('rollback')
        throw new Error('no')
      }
      await client.query('commit')
      return 'second'
    },
    { retry: { limit: 1, delay: '10ms' } },
  )
  const task = await broker.send('transfer', { amount: 5 }, { id: 't' })
  expect(await task.result({ timeout: '20s' })).toBe('first')
  expect(await ledger()).toEqual([{ task: 't', amount: 1 }])
  expect(await waiting('receipt')).toBe(1)
})

test('what the handler does after the commit changes nothing', async () => {
  const worker = await startWorker(
    async (client, context) => {
      await client.query('begin')
      await client.query('insert into ledger values ($1, 1)', [context.id])
      await context.within(client).complete('kept')
      await client.query('commit')
      throw new Error('too late')
    },
    { retry: { limit: 5, delay: '10ms' } },
  )
  const task = await broker.send('transfer', { amount: 5 }, { id: 't' })
  expect(await task.result({ timeout: '20s' })).toBe('kept')
  await worker.stop()
  expect(await ledger()).toHaveLength(1)
  expect((await broker.get(['t']))[0]).toMatchObject({ state: 'completed', run: 0 })
})

test('a transaction that is not over when the handler returns is waited for', async () => {
  const open = new Promise<pg.Client>((resolve) => {
    void startWorker(async (client, context) => {
      await client.query('begin')
      await client.query('insert into ledger values ($1, 1)', [context.id])
      const result = await context.within(client).complete('kept')
      resolve(client)
      return result
    })
  })
  const task = await broker.send('transfer', { amount: 5 }, { id: 't' })
  await (await open).query('commit')
  expect(await task.result({ timeout: '20s' })).toBe('kept')
})

test('a run that was fenced meanwhile cannot be committed, whatever the handler does', async () => {
  const { store, close } = await postgresBackend(url)
  ends.push(close)
  const refusals: unknown[] = []
  await startWorker(async (client, context) => {
    await client.query('begin')
    await client.query('insert into ledger values ($1, $2)', [context.id, context.runId])
    if (context.runId === 0) {
      // As if its lease had ended: it runs again, elsewhere or here.
      await store.update([{ id: context.id, from: 'running', run: 0, patch: { state: 'pending' } }])
    }
    try {
      const result = await context.within(client).complete(context.runId)
      await client.query('commit')
      return result
    } catch (error) {
      refusals.push((error as { code: unknown }).code)
      // It may not be swallowed: nothing of the transaction is kept even so.
      await client.query('commit')
      return 'swallowed'
    }
  })
  const task = await broker.send('transfer', { amount: 5 }, { id: 't' })
  await expect.poll(() => refusals, { timeout: 20_000 }).toEqual(['RUN_STOPPED'])
  // Nobody has said that it is pending again. One of another name, as both would have one client.
  await broker.send('receipt', {})
  expect(await task.result({ timeout: '20s' })).toBe(1)
  expect(await ledger()).toContainEqual({ task: 't', amount: 1 })
  expect(await ledger()).not.toContainEqual({ task: 't', amount: 0 })
})

test('an output that does not fit its schema is refused before anything is written', async () => {
  const client = new pg.Client(url)
  await client.connect()
  const output = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) => (value === 'good' ? { value: 'kept' } : { issues: [{ message: 'not good' }] }),
    },
  } as const
  const codes: unknown[] = []
  const strict = defineTask({
    name: 'strict',
    output: output as never,
    async run(_: unknown, context): Promise<never> {
      await client.query('begin')
      await context
        .within(client)
        .complete('bad')
        .catch((error) => codes.push(error.code))
      const result = await context.within(client).complete('good')
      await client.query('commit')
      return result as never
    },
  })
  const worker = new Worker({ broker, tasks: [strict] })
  ends.push(async () => {
    await worker.stop()
    await client.end()
  })
  await worker.start()
  const task = await broker.send('strict', 1)
  expect(await task.result({ timeout: '20s' })).toBe('kept')
  expect(codes).toEqual(['OUTPUT_INVALID'])
})

test('a worker that is killed between its writes and the commit leaves nothing, and another does it once', async () => {
  const first = await startProcess('completed')
  const there = at(first, 'completed')
  const task = await broker.send('transfer', { amount: 7 }, { id: 't' })
  await there
  await startProcess('')
  first.kill('SIGKILL')
  expect(await task.result({ timeout: '20s' })).toEqual({ amount: 7 })
  expect(await ledger()).toEqual([{ task: 't', amount: 7 }])
  expect(await waiting('receipt')).toBe(1)
  expect((await broker.get(['t']))[0]).toMatchObject({ run: 1, lost: 1 })
})

test('a worker that is killed right after the commit has done it, and nobody does it again', async () => {
  const first = await startProcess('committed')
  const there = at(first, 'committed')
  const task = await broker.send('transfer', { amount: 7 }, { id: 't' })
  await there
  await startProcess('')
  first.kill('SIGKILL')
  expect(await task.result({ timeout: '20s' })).toEqual({ amount: 7 })
  // One more goes through the second worker, so that it would have taken the first one, too.
  await (await broker.send('transfer', { amount: 8 }, { id: 'u' })).result({ timeout: '20s' })
  expect(await ledger()).toEqual([
    { task: 't', amount: 7 },
    { task: 'u', amount: 8 },
  ])
  expect((await broker.get(['t']))[0]).toMatchObject({ run: 0, lost: 0 })
})

test('a completion that is open keeps neither other leases nor other outcomes waiting', async () => {
  const { store, close } = await postgresBackend(url)
  ends.push(close)
  const now = Date.now()
  const task = { name: 'job', queue: 'side', priority: 4, input: '1', lostLimit: 5, createdAt: now }
  await store.insert([
    { id: 'a', ...task },
    { id: 'b', ...task },
  ])
  await store.claim({ queues: ['side'], holder: 'h', worker: 'w@h', limit: 2, now, until: now + 30_000 })
  await sql.query('begin')
  const done = { state: 'completed', result: '1', startedAt: now, resolvedAt: now, failure: null } as const
  await store.update([{ id: 'a', from: 'running', run: 0, patch: done }], { transaction: sql })
  const held = await store.renew({ holder: 'h', until: now + 60_000 })
  expect(held.map(({ id }) => id).sort()).toEqual(['a', 'b'])
  expect((await store.get(['b']))[0]).toMatchObject({ takenUntil: now + 60_000 })
  await sql.query('commit')
  expect(await store.renew({ holder: 'h', until: now + 70_000 })).toEqual([{ id: 'b', run: 0 }])
})

test('a completion that is open keeps nobody from the other runs of its worker, once that is lost', async () => {
  const { store, close } = await postgresBackend(url)
  ends.push(close)
  const now = Date.now()
  const task = { name: 'job', queue: 'side', priority: 4, input: '1', lostLimit: 5, createdAt: now }
  await store.insert([
    { id: 'a', ...task },
    { id: 'b', ...task },
    { id: 'late', ...task, queue: 'other', deadline: now + 1 },
  ])
  await store.claim({ queues: ['side'], holder: 'h', worker: 'w@h', limit: 2, now, until: now + 1 })
  await sql.query('begin')
  const done = { state: 'completed', result: '1', startedAt: now, resolvedAt: now, failure: null } as const
  await store.update([{ id: 'a', from: 'running', run: 0, patch: done }], { transaction: sql })
  const worker = new Worker({ broker, queues: ['side'], tasks: [defineTask({ name: 'job', run: () => 'done' })] })
  ends.push(() => worker.stop())
  await worker.start()
  expect(await broker.task('b').result({ timeout: '15s' })).toBe('done')
  await expect.poll(async () => (await broker.task('late').state()).state, { timeout: 15_000 }).toBe('exception')
  expect(await broker.task('a').state()).toMatchObject({ state: 'running' })
  await sql.query('commit')
  expect(await broker.task('a').state()).toMatchObject({ state: 'completed' })
})

test('transactions that nobody ends after the completion keep nobody else waiting', async () => {
  const clients: pg.Client[] = []
  const forgetful = defineTask({
    name: 'forgetful',
    async run(_: unknown, context) {
      const client = new pg.Client(url)
      await client.connect()
      clients.push(client)
      await client.query('begin')
      return context.within(client).complete('done')
    },
  })
  const quick = defineTask({ name: 'quick', run: (n: number) => n })
  const worker = new Worker({ broker, tasks: [forgetful, quick], concurrency: 20 })
  ends.push(() => worker.stop())
  await worker.start()
  const forgotten = await broker.sendMany(Array.from({ length: 6 }, () => ({ task: forgetful, input: null })))
  await expect.poll(() => clients.length, { timeout: 15_000 }).toBe(6)
  for (let n = 0; n < 5; n++) expect(await (await broker.send(quick, n)).result({ timeout: '15s' })).toBe(n)
  await Promise.all(clients.map((client) => client.query('commit')))
  for (const task of forgotten) expect(await task.result({ timeout: '15s' })).toBe('done')
  await worker.stop()
  await Promise.all(clients.map((client) => client.end()))
})

test('cancellations that wait for an open completion keep nobody else waiting', async () => {
  const { store, close } = await postgresBackend(url)
  ends.push(close)
  const now = Date.now()
  const ids = ['a', 'b', 'c', 'd', 'e', 'f']
  await store.insert(ids.map((id) => ({ id, name: 'job', queue: 'side', priority: 4, input: '1', lostLimit: 5, createdAt: now })))
  await store.claim({ queues: ['side'], holder: 'h', worker: 'w@h', limit: 6, now, until: now + 60_000 })
  await sql.query('begin')
  const done = { state: 'completed', result: '1', startedAt: now, resolvedAt: now, failure: null } as const
  await store.update(
    ids.map((id) => ({ id, from: 'running' as const, run: 0, patch: done })),
    { transaction: sql },
  )
  const cancels = ids.map((id) => broker.cancel([id]))
  const waiting = 'select from pg_locks where not granted'
  await expect.poll(async () => (await sql.query(waiting)).rowCount, { timeout: 15_000 }).toBeGreaterThan(1)
  for (let n = 0; n < 5; n++) expect((await broker.send('other', n)).status).toBe('sent')
  await sql.query('commit')
  expect((await Promise.all(cancels)).flat()).toEqual(ids.map(() => false))
})

test('on another store it is refused', async () => {
  const memory = await connect('memory:')
  const codes: unknown[] = []
  const tryIt = defineTask({
    name: 'try',
    async run(_: unknown, context) {
      try {
        context.within({ query: () => {} })
      } catch (error) {
        codes.push((error as { code: unknown }).code)
      }
    },
  })
  const worker = new Worker({ broker: memory, tasks: [tryIt] })
  await worker.start()
  await (await memory.send('try', 1)).result({ timeout: '10s' })
  await worker.stop()
  await memory.close()
  expect(codes).toEqual(['UNSUPPORTED'])
})
