/** Lovage on PostgreSQL where it grows: 500,000 tasks behind an old snapshot, 5,000,000 rows of history, a second worker process. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { NewTask, Store, Task } from '@lovage/core'
import { connect, openBackend } from 'lovage'
import pg from 'pg'
import { type Figures, type Job, percentiles, perSecond, type Variant } from '../variant.ts'

const batch = 500
const behindSnapshot = 500_000
const history = 5_000_000

export const run: Variant = async (job) => {
  const url = job.settings.postgres ?? ''
  const { store, close } = await openBackend(url)
  const sql = new pg.Client(url)
  await sql.connect()
  try {
    return { ...(await rot(store, url)), ...(await past(store, sql)), ...(await processes(job, url)) }
  } finally {
    await sql.end()
    await close()
  }
}

let count = 0

function newTask(): NewTask {
  return {
    id: `t${count++}`,
    name: 'noop',
    queue: 'scale',
    priority: 4,
    input: `{"i":${count}}`,
    extras: undefined,
    retryLimit: undefined,
    lostLimit: 5,
    dueAt: undefined,
    deadline: undefined,
    key: undefined,
    keyUntil: undefined,
    createdAt: Date.now(),
  }
}

function send(store: Store, size: number): Promise<unknown> {
  return store.insert(Array.from({ length: size }, newTask))
}

async function claim(store: Store, limit: number): Promise<readonly Task[]> {
  const now = Date.now()
  const asked = { queues: ['scale'], names: ['noop'], holder: 'h', worker: 'w', limit, now, until: now + 60_000 }
  return (await store.claim(asked)).tasks
}

function complete(store: Store, tasks: readonly Task[]): Promise<unknown> {
  const now = Date.now()
  const patch = { state: 'completed', result: 'null', startedAt: now, resolvedAt: now, failure: null } as const
  return store.update(tasks.map(({ id, run }) => ({ id, from: 'running', run, patch })))
}

/** The medians of each step, in milliseconds. */
async function steps(store: Store): Promise<Readonly<Record<'send' | 'claim' | 'complete' | 'claimOne', number>>> {
  const times = { send: [] as number[], claim: [] as number[], complete: [] as number[], claimOne: [] as number[] }
  const timed = async <Result>(step: keyof typeof times, work: () => Promise<Result>): Promise<Result> => {
    const began = performance.now()
    const result = await work()
    times[step].push(performance.now() - began)
    return result
  }
  for (let i = 0; i < 40; i++) {
    await timed('send', () => send(store, batch))
    const tasks = await timed('claim', () => claim(store, batch))
    await timed('complete', () => complete(store, tasks))
    await send(store, 1)
    await complete(store, await timed('claimOne', () => claim(store, 1)))
  }
  const { p50: sent } = percentiles(times.send)
  return {
    send: sent,
    claim: percentiles(times.claim).p50,
    complete: percentiles(times.complete).p50,
    claimOne: percentiles(times.claimOne).p50,
  }
}

const ratio = (now: number, before: number): number => Number((now / before).toFixed(2))

/** How much longer claims take when another session has kept its snapshot while so many tasks passed. */
async function rot(store: Store, url: string): Promise<Figures> {
  await steps(store)
  const fresh = await steps(store)
  const old = new pg.Client(url)
  await old.connect()
  await old.query('begin isolation level repeatable read')
  await old.query('select count(*) from lovage.task')
  for (let passed = 0; passed < behindSnapshot; passed += batch) {
    await send(store, batch)
    await complete(store, await claim(store, batch))
  }
  const rotten = await steps(store)
  await old.query('commit')
  await old.end()
  return {
    'claim 500 fresh, ms': fresh.claim,
    'behind a snapshot, x': ratio(rotten.claim, fresh.claim),
    'claim 1 fresh, ms': fresh.claimOne,
    'claim 1 behind a snapshot, x': ratio(rotten.claimOne, fresh.claimOne),
  }
}

/** How much longer each step takes with so many rows of history, spread over today and the days ahead; and what a row takes. */
async function past(store: Store, sql: pg.Client): Promise<Figures> {
  await sql.query('vacuum analyze lovage.task')
  const before = await steps(store)
  const size = `select sum(pg_total_relation_size(relid))::float8 as bytes from pg_partition_tree('lovage.history')`
  const { rows: first } = await sql.query<{ bytes: number }>(size)
  await sql.query(
    `insert into lovage.history (seq, id, name, queue, priority, state, input, run, retries, lost, lost_limit, blockers, dependents,
       worker, created_at, started_at, resolved_at, result)
     select -n, 'past-' || n, 'noop', 'scale', 4, 6, '{"i":1}', 0, 0, 0, 5, 0, false, 'w', $1::bigint, $1, $1 + (n % 4) * 86400000, 'null'
     from generate_series(1, $2::int) n`,
    [Date.now(), history],
  )
  await sql.query('analyze lovage.history')
  const { rows: last } = await sql.query<{ bytes: number }>(size)
  const after = await steps(store)
  return {
    'send 500 at 5M, x': ratio(after.send, before.send),
    'claim 500 at 5M, x': ratio(after.claim, before.claim),
    'complete 500 at 5M, x': ratio(after.complete, before.complete),
    'bytes a past task': Math.round(((last[0]?.bytes ?? 0) - (first[0]?.bytes ?? 0)) / history),
  }
}

/** No-ops drained by one worker process and by two, from the moment on which both are there. */
async function processes(job: Job, url: string): Promise<Figures> {
  const broker = await connect(url)
  const rates: number[] = []
  for (const workers of [1, 2]) {
    await broker.admin?.pauseQueue('default')
    for (let i = 0; i < job.tasks; i += batch) {
      await broker.sendMany(Array.from({ length: batch }, () => ({ task: 'noop', input: {} })))
    }
    const children = await Promise.all(Array.from({ length: workers }, () => startWorker(url)))
    const began = performance.now()
    await broker.admin?.resumeQueue('default')
    const left = async (): Promise<number> =>
      (await broker.admin?.find({ states: ['pending', 'running'], limit: 1 }))?.tasks.length ?? 0
    while ((await left()) > 0);
    rates.push(perSecond(job.tasks, began))
    await Promise.all(children.map(stop))
  }
  await broker.close()
  return { 'drain/s by 1 process': rates[0] ?? 0, 'by 2 processes, x': ratio(rates[1] ?? 0, rates[0] ?? 1) }
}

async function startWorker(url: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('../worker-process.ts', import.meta.url)), [url])
  await once(child, 'message')
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  child.send('stop')
  await once(child, 'exit')
}
