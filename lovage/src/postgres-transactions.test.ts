/** Sending in a transaction of the caller's: there with the commit, gone with the rollback, and nothing in between. */
import { startPostgres } from '@lovage/services'
import { postgresBackend } from '@lovage/store-postgres'
import { testBroker } from '@lovage/testing'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Client, connect, createForwarder, defineTask, from, Worker } from './index.ts'

const server = await startPostgres({ settings: { max_connections: 200 } })
afterAll(() => server.stop())

const double = defineTask({ name: 'double', run: ({ n }: { n: number }) => n * 2 })
const half = defineTask({ name: 'half', run: (n: number) => n / 2 })

let url: string
let broker: Client
let client: pg.Client

beforeEach(async () => {
  url = await server.database()
  broker = await connect(url)
  client = await clientOf(url)
  await client.query('create table orders (n integer primary key)')
})
afterEach(() => broker.close())

async function clientOf(address: string): Promise<pg.Client> {
  const made = new pg.Client(address)
  await made.connect()
  onTestFinished(() => made.end())
  return made
}

async function startWorker(): Promise<void> {
  const elsewhere = await connect(url)
  const worker = new Worker({ broker: elsewhere, tasks: [double, half] })
  onTestFinished(async () => {
    await worker.stop()
    await elsewhere.close()
  })
  await worker.start()
}

test('a task is there with the commit, together with what else was written, and workers are woken at once', async () => {
  await startWorker()
  await client.query('begin')
  await client.query('insert into orders values (4)')
  const task = await broker.within(client).send(double, { n: 4 })
  expect(await broker.find({})).toMatchObject({ tasks: [] })
  await client.query('commit')
  // Far below the slow check, which comes after 30 s.
  expect(await task.result({ timeout: '10s' })).toBe(8)
})

test('a worker of the same process is woken as well, and at the time of what was delayed', async () => {
  const worker = new Worker({ broker, tasks: [double] })
  onTestFinished(() => worker.stop())
  await worker.start()
  await client.query('begin')
  const task = await broker.within(client).send(double, { n: 2 }, { delay: '1s' })
  await client.query('commit')
  expect(await task.result({ timeout: '15s' })).toBe(4)
})

test('nothing stays of a transaction that is rolled back', async () => {
  await client.query('begin')
  const task = await broker.within(client).send(double, { n: 4 }, { key: 'a' })
  await client.query('rollback')
  expect(await task.state()).toMatchObject({ state: 'unknown' })
  expect((await broker.send(double, { n: 5 }, { key: 'a', keyPolicy: 'reject' })).status).toBe('sent')
})

test('an outbox: what is committed goes on to another broker, and nothing else', async () => {
  const there = await testBroker()
  const forwarder = createForwarder({ from: broker, to: there, queues: ['outbox'] })
  await forwarder.start()
  for (const end of ['rollback', 'commit']) {
    await client.query('begin')
    await client.query('insert into orders values (4)')
    await broker.within(client).send('mails.thanks', { order: 4 }, { id: end, queue: 'outbox' })
    await client.query(end)
  }
  expect(await broker.task('commit').result({ timeout: '15s' })).toEqual({ forwarded: 'queue' })
  expect(await there.find({})).toMatchObject({ tasks: [{ id: 'commit', name: 'mails.thanks', queue: 'outbox' }] })
  await forwarder.stop()
})

test('many tasks and flows go in whole', async () => {
  await startWorker()
  await client.query('begin')
  const inside = broker.within(client)
  const many = await inside.sendMany([
    { task: double, input: { n: 1 } },
    { task: double, input: { n: 2 } },
  ])
  const flow = inside.flow()
  const first = flow.add(double, { n: 21 })
  const last = flow.add(half, from(first))
  const sent = await flow.send()
  await client.query('commit')
  expect(await Promise.all(many.map((task) => task.result({ timeout: '10s' })))).toEqual([2, 4])
  expect(await sent.get(last).result({ timeout: '10s' })).toBe(21)
})

test('a refusal leaves the transaction as it was', async () => {
  await broker.send(double, { n: 1 }, { key: 'a', id: 'first' })
  await client.query('begin')
  await client.query('insert into orders values (1)')
  const inside = broker.within(client)
  await expect(inside.send(double, { n: 2 }, { key: 'a', keyPolicy: 'reject' })).rejects.toMatchObject({ code: 'KEY_CONFLICT' })
  await expect(inside.send(double, { n: 2 }, { id: 'first' })).rejects.toMatchObject({ code: 'TASK_CONFLICT' })
  await expect(inside.send(double, { n: 2 }, { dependencies: ['none'] })).rejects.toMatchObject({ code: 'DEPENDENCY_UNKNOWN' })
  await expect(
    inside.sendMany([
      { task: double, input: { n: 7 }, options: { id: 'seven' } },
      { task: double, input: { n: 8 }, options: { dependencies: ['none'] } },
    ]),
  ).rejects.toMatchObject({ code: 'DEPENDENCY_UNKNOWN' })
  await expect(inside.send(double, { n: 3 }, { key: 'a' })).resolves.toMatchObject({ id: 'first', status: 'existing' })
  await inside.send(double, { n: 9 }, { id: 'nine' })
  await client.query('commit')
  const { tasks } = await broker.find({ order: 'oldest' })
  expect(tasks.map(({ id }) => id)).toEqual(['first', 'nine'])
  expect((await client.query('select n from orders')).rows).toEqual([{ n: 1 }])
})

test('a task whose key is taken is free to go on while the transaction is open', async () => {
  const first = await broker.send(double, { n: 1 }, { key: 'a' })
  await client.query('begin')
  expect(await broker.within(client).send(double, { n: 2 }, { key: 'a' })).toMatchObject({ id: first.id })
  expect(await first.cancel()).toBe(true)
  await client.query('commit')
})

test('many keys are replaced at once', async () => {
  const requests = (policy: 'existing' | 'replace') =>
    Array.from({ length: 300 }, (_, n) => ({ task: double, input: { n }, options: { key: `k${n}`, keyPolicy: policy } }))
  const first = await broker.sendMany(requests('existing'))
  await client.query('begin')
  const second = await broker.within(client).sendMany(requests('replace'))
  await client.query('commit')
  const ids = [...first, ...second].map(({ id }) => id)
  expect(new Set(ids).size).toBe(600)
  const states = (await broker.get(ids)).map((task) => task?.reason ?? task?.state)
  expect(states).toEqual([...first.map(() => 'superseded'), ...second.map(() => 'pending')])
})

test('who waits for a key that an open transaction holds keeps nobody else waiting', async () => {
  await startWorker()
  await client.query('begin')
  await broker.within(client).send(double, { n: 1 }, { key: 'a' })
  const waiting = Array.from({ length: 12 }, (_, n) => broker.sendMany([{ task: double, input: { n }, options: { key: 'a' } }]))
  const other = await broker.send(double, { n: 4 })
  expect(await other.result({ timeout: '10s' })).toBe(8)
  await client.query('rollback')
  const ids = (await Promise.all(waiting)).map(([task]) => task.id)
  expect(new Set(ids).size).toBeLessThanOrEqual(12)
})

test('who sends again what an open transaction has sent keeps nobody else waiting', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f']
  await client.query('begin')
  for (const id of ids) await broker.within(client).send(double, { n: 1 }, { id })
  const again: Promise<{ readonly status: string }>[] = []
  for (const id of ids) {
    again.push(broker.send(double, { n: 1 }, { id }))
    // Sends of one tick share a call of the store.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const waiting = 'select from pg_locks where not granted'
  await expect.poll(async () => (await client.query(waiting)).rowCount, { timeout: 15_000 }).toBeGreaterThan(1)
  for (let n = 0; n < 5; n++) expect((await broker.send(double, { n })).status).toBe('sent')
  await client.query('commit')
  expect((await Promise.all(again)).map(({ status }) => status)).toEqual(ids.map(() => 'existing'))
})

test('outcomes that wait for an open transaction leave room to renew leases and to claim', async () => {
  const { store, close } = await postgresBackend(url)
  onTestFinished(close)
  const now = Date.now()
  const ids = ['a', 'b', 'c', 'd', 'e', 'f']
  const task = { name: 'job', queue: 'side', priority: 4, input: '1', lostLimit: 5, createdAt: now }
  await store.insert([...ids, 'next'].map((id) => ({ id, ...task })))
  const request = { queues: ['side'], holder: 'h', worker: 'w@h', limit: 6, now, until: now + 30_000 }
  await store.claim(request)
  await client.query('begin')
  await broker.within(client).send(double, { n: 1 }, { dependencies: ids })
  const done = { state: 'completed', result: '1', startedAt: now, resolvedAt: now, failure: null } as const
  const outcomes = ids.map((id) => store.update([{ id, from: 'running', run: 0, patch: done }]))
  const waiting = 'select from pg_locks where not granted'
  await expect.poll(async () => (await client.query(waiting)).rowCount, { timeout: 15_000 }).toBeGreaterThan(1)
  for (let n = 1; n < 5; n++) expect(await store.renew({ holder: 'h', until: now + 30_000 + n })).toHaveLength(6)
  expect((await store.claim(request)).tasks).toMatchObject([{ id: 'next' }])
  await client.query('commit')
  expect((await Promise.all(outcomes)).map(({ applied }) => applied)).toEqual(ids.map(() => [true]))
})

test('sends that are made side by side on one client take turns', async () => {
  await client.query('begin')
  const inside = broker.within(client)
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => inside.send(double, { n }, n % 2 === 0 ? { key: `k${n % 4}` } : { id: `t${n}` })),
  )
  await client.query('commit')
  expect((await broker.find({})).tasks).toHaveLength(12)
})

describe('a transaction that cannot be used is refused with a clear line', () => {
  const refused = { code: 'TRANSACTION_UNUSABLE' }

  test('none was begun', async () => {
    await expect(broker.within(client).send(double, { n: 1 })).rejects.toMatchObject(refused)
    const pool = new pg.Pool({ connectionString: url })
    onTestFinished(() => pool.end())
    await expect(broker.within(pool).send(double, { n: 1 })).rejects.toMatchObject(refused)
    expect((await broker.find({})).tasks).toEqual([])
  })

  test('an error has aborted it', async () => {
    await client.query('begin')
    await expect(client.query('select 1/0')).rejects.toThrow()
    await expect(broker.within(client).send(double, { n: 1 })).rejects.toMatchObject(refused)
    await client.query('rollback')
  })

  test('it may only read', async () => {
    await client.query('begin read only')
    await expect(broker.within(client).send(double, { n: 1 })).rejects.toMatchObject(refused)
    await client.query('rollback')
  })

  test('it is of another database, with tables of its own or without', async () => {
    const other = await server.database()
    const stranger = await clientOf(other)
    await stranger.query('begin')
    await expect(broker.within(stranger).send(double, { n: 1 })).rejects.toMatchObject(refused)
    await stranger.query('rollback')
    await (await connect(other)).close()
    await stranger.query('begin')
    await expect(broker.within(stranger).send(double, { n: 1 })).rejects.toMatchObject(refused)
    // And it is still good for its own.
    await stranger.query('select 1')
    await stranger.query('commit')
  })

  test('it is no client at all', async () => {
    await expect(broker.within({}).send(double, { n: 1 })).rejects.toMatchObject(refused)
    expect(() => broker.within('client' as never)).toThrow(expect.objectContaining(refused))
  })

  test('its snapshot is older than the keys, and than the tasks that are over', async () => {
    await client.query('begin isolation level repeatable read')
    await client.query('select * from orders')
    const over = await broker.send(double, { n: 1 }, { id: 'over' })
    await over.cancel()
    const inside = broker.within(client)
    await expect(inside.send(double, { n: 1 }, { key: 'a' })).rejects.toMatchObject(refused)
    await expect(inside.send(double, { n: 1 }, { id: 'over' })).rejects.toMatchObject(refused)
    await inside.send(double, { n: 1 })
    await client.query('commit')
    expect((await broker.find({})).tasks).toHaveLength(2)
  })
})

test('a conflict between transactions is thrown as the server says it, and nothing is repeated', async () => {
  const first = await broker.send(double, { n: 1 })
  await client.query('begin isolation level repeatable read')
  await client.query('select * from orders')
  await first.cancel()
  const dependencies = [first.id]
  await expect(broker.within(client).send(double, { n: 1 }, { dependencies })).rejects.toMatchObject({ code: '40001' })
  await client.query('rollback')
})

test('sends of two brokers that are made side by side on one client take turns', async () => {
  const other = await connect(url)
  onTestFinished(() => other.close())
  await broker.send(double, { n: 0 }, { key: 'taken' })
  await client.query('begin')
  // Each knows the client after the first time, and so they go in step.
  for (const each of [broker, other]) await each.within(client).send(double, { n: 1 })
  const requests = (options: object) => [
    { task: double, input: { n: 2 }, options },
    { task: double, input: { n: 3 } },
  ]
  const taken = other.within(client).sendMany(requests({ key: 'taken', keyPolicy: 'reject' }))
  const sends = Array.from({ length: 5 }, (_, n) => broker.within(client).sendMany(requests({ id: `sent${n}` })))
  await expect(taken).rejects.toMatchObject({ code: 'KEY_CONFLICT' })
  await Promise.all(sends)
  await client.query('commit')
  expect((await broker.find({})).tasks).toHaveLength(3 + 10)
})

test('keys are unique where transactions of the database see a snapshot by default', async () => {
  const strict = await server.database()
  const admin = await clientOf(strict)
  const { rows } = await admin.query('select current_database() as name')
  await admin.query(`alter database "${rows[0].name}" set default_transaction_isolation to 'repeatable read'`)
  const brokers = await Promise.all([connect(strict), connect(strict)])
  onTestFinished(async () => void (await Promise.all(brokers.map((each) => each.close()))))
  const sent = await Promise.all(
    Array.from({ length: 60 }, (_, n) => (brokers[n % 2] as Client).send(double, { n }, { key: `k${n >> 1}` })),
  )
  expect(new Set(sent.map(({ id }) => id)).size).toBe(30)
})

test('after a restart of the server clients of the new life are taken', async () => {
  await client.query('begin')
  await broker.within(client).send(double, { n: 1 })
  await client.query('commit')
  client.on('error', () => {})
  await server.crash()
  await server.restart()
  const again = await clientOf(url)
  await again.query('begin')
  await broker.within(again).send(double, { n: 2 })
  await again.query('commit')
  expect((await broker.find({})).tasks).toHaveLength(2)
})

test('brokers on other stores refuse', async () => {
  const memory = await connect('memory:')
  onTestFinished(() => memory.close())
  expect(() => memory.within(client)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
})
