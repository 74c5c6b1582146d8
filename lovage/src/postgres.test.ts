/** The queue on PostgreSQL, as users have it: the same code behind another URL, and workers that are killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@lovage/services'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Client, connect, defineTask, openBackend, storeFacts, Worker } from './index.ts'

const server = await startPostgres({ settings: { max_connections: 200 } })
afterAll(() => server.stop())

const children = new Set<ChildProcess>()
let url: string
let directory: string
let broker: Client

beforeEach(async () => {
  url = await server.database()
  directory = await mkdtemp(join(tmpdir(), 'lovage-postgres-test-'))
  await writeFile(join(directory, 'ran'), '')
  broker = await connect(url)
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await broker.close()
  await rm(directory, { recursive: true })
})

async function startWorker(name: string, lease = '30s'): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./fixtures/worker-process.ts', import.meta.url))
  const child = fork(file, [url, join(directory, 'ran'), name, lease], { execArgv: [] })
  children.add(child)
  await Promise.race([once(child, 'message'), once(child, 'exit')])
  return child
}

/** Waits until the worker of that name has begun a task. */
function ranOn(worker: string): Promise<number> {
  return vi.waitFor(
    async () => {
      const line = (await readFile(join(directory, 'ran'), 'utf8')).split('\n').find((each) => each.includes(` ${worker} `))
      if (line === undefined) throw new TypeError('no such line yet')
      return Number(line.split(' ')[2])
    },
    { timeout: 15_000, interval: 5 },
  )
}

test('tasks run, depend on each other, wait for their time and are cancelled', async () => {
  const double = defineTask({ name: 'double', run: ({ n }: { n: number }) => n * 2 })
  const worker = new Worker({ broker, tasks: [double] })
  await worker.start()
  const task = await broker.send(double, { n: 4 })
  expect(await task.result({ timeout: '10s' })).toBe(8)
  const later = await broker.send(double, { n: 1 }, { delay: '1h' })
  expect(await later.state()).toMatchObject({ state: 'scheduled' })
  expect(await later.cancel()).toBe(true)
  const behind = await broker.send(double, { n: 2 }, { dependencies: [task.id] })
  expect(await behind.result({ timeout: '10s' })).toBe(4)
  await Promise.all(Array.from({ length: 1000 }, async (_, n) => (await broker.send(double, { n })).result({ timeout: '15s' })))
  const [queue] = (await broker.admin?.queues()) ?? []
  expect(queue).toMatchObject({ queue: 'default', counts: { completed: 1002, exception: 1 } })
  await worker.stop()
})

test('workers in other processes are seen, and answer', async () => {
  await startWorker('far@host')
  expect(await broker.inspect('ping', { timeout: '10s', limit: 1 })).toMatchObject([{ worker: 'far@host' }])
})

test('the task of a worker killed with -9 runs elsewhere at once, long before its lease ends', async () => {
  const first = await startWorker('first@host')
  const task = await broker.send('hang', { n: 1 })
  await ranOn('first@host')
  await startWorker('second@host')
  const killed = Date.now()
  first.kill('SIGKILL')
  // The lease is 30 s: whatever the load of this machine, only the dead-man's switch can have told.
  expect((await ranOn('second@host')) - killed).toBeLessThan(10_000)
  const [record] = (await broker.admin?.get([task.id])) ?? []
  expect(record).toMatchObject({ state: 'running', run: 1, lost: 1, worker: 'second@host' })
})

test('a frozen worker loses its task when its lease ends', async () => {
  const frozen = await startWorker('frozen@host', '2s')
  const task = await broker.send('hang', { n: 1 })
  await ranOn('frozen@host')
  frozen.kill('SIGSTOP')
  await startWorker('other@host', '2s')
  await ranOn('other@host')
  frozen.kill('SIGCONT')
  expect((await broker.admin?.get([task.id]))?.[0]).toMatchObject({ state: 'running', run: 1, worker: 'other@host' })
})

test('the schema is told without opening a queue', async () => {
  const { schema } = (await storeFacts(url)) ?? {}
  expect(schema?.current).toBe(schema?.latest)
  const backend = await openBackend(url, { migrate: false })
  expect(await backend.store.counts()).toEqual([])
  await backend.close()
})

test('whoever keeps a log reads there that wake-ups are lost, and that they are back', async () => {
  const lines: string[] = []
  const log = (_: object, line: string) => void lines.push(line)
  const heard = await connect(url, { logger: { debug: log, info: log, warn: log, error: log } })
  await heard.events.capture(['*'], () => {})
  const sql = new pg.Client(url)
  await sql.connect()
  await sql.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lovage' and datname = current_database()`,
  )
  await sql.end()
  await vi.waitFor(() => expect(lines.at(-1)).toMatch(/^PostgreSQL is back/), { timeout: 15_000, interval: 20 })
  expect(lines.some((line) => line.startsWith('wake-ups and the notice of crashes are lost for now'))).toBe(true)
  await heard.close()
})
