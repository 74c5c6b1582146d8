/** A worker with a pool of threads or processes, and a second connection that watches and steers it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Client, connect, type TaskHandle, Worker } from 'lovage'
import * as tasks from './tasks.ts'
import { ask, countPrimes, hang, search } from './tasks.ts'

type PoolName = 'threads' | 'processes'

/** Gives a command to the worker, the only one here, and answers its reply. */
async function command(client: Client, method: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
  const [reply] = await client.controlWorkers(method, args, { limit: 1 })
  if (reply?.ok === true) return reply.value
  throw new Error(`${method}: ${reply?.error ?? 'no worker has answered'}`)
}

/** How many tasks may run at once, and the ids of the threads or processes that live now. */
async function poolOf(client: Client): Promise<{ places: number; children: string }> {
  const { pool } = (await command(client, 'stats')) as { pool: { 'max-concurrency': number; processes: number[] } }
  return { places: pool['max-concurrency'], children: pool.processes.join(', ') }
}

/** Events come from the worker's connection to ours as they happen; log lines are kept with the task. */
async function watchProgress(client: Client): Promise<void> {
  const heard: string[] = []
  const endCapture = await client.capture('task-progress', ({ value }) => heard.push(`${Number(value) * 100}%`))
  const input = { below: 2_000_000 }
  const counts = await client.sendMany([
    { task: countPrimes, input },
    { task: countPrimes, input },
  ])
  const before = await poolOf(client)
  await command(client, 'pool_grow', { n: 1 })
  console.log(`pool_grow: from ${before.places} to ${(await poolOf(client)).places} at once`)
  await Promise.all(counts.map((count) => count.result()))
  await endCapture()
  console.log(`progress: ${heard.join(' ')}`)
  for (const { level, text } of await client.logs(counts[0].id)) console.log(`kept with the task: ${level} ${text}`)
}

/** The handler never gives its thread or process back, so the pool kills it and starts another. */
async function loseOne(client: Client): Promise<void> {
  const before = await poolOf(client)
  const task = await client.send(hang)
  console.log(await endOf(task))
  const after = await poolOf(client)
  console.log(`killed: there were ${before.children}, now ${after.children}`)
  for (const { level, text } of await client.logs(task.id)) console.log(`its last words: ${level} ${text}`)
}

async function terminateOne(client: Client): Promise<void> {
  const begun = Promise.withResolvers<void>()
  const endCapture = await client.capture('task-progress', () => begun.resolve())
  const task = await client.send(search)
  await begun.promise
  await endCapture()
  const active = (await command(client, 'active')) as { name: string; hostname: string }[]
  console.log(`active: ${active.map(({ name }) => name).join(', ')}`)
  await command(client, 'terminate', { task_id: task.id })
  console.log(await endOf(task))
}

/** A limit counts on each worker. It can be changed while tasks wait for it. */
async function liftLimit(client: Client): Promise<void> {
  const asked = await client.sendMany([1, 2, 3].map((question) => ({ task: ask, input: { question } })))
  await asked[0]?.result()
  const states = await client.results.get(asked.map(({ id }) => id))
  const limited = ((await command(client, 'registered')) as string[]).find((line) => line.startsWith(ask.name))
  console.log(`${limited}: ${states.filter(({ state }) => state === 'completed').length} of ${asked.length} done`)
  await command(client, 'rate_limit', { task_name: ask.name, rate_limit: 0 })
  console.log(`rate_limit 0: ${(await Promise.all(asked.map((task) => task.result()))).join(', ')}`)
}

function endOf(task: TaskHandle): Promise<string> {
  return task.result().then(String, (error: Error) => error.message)
}

async function run(pool: PoolName, url: string): Promise<void> {
  const [broker, watcher] = await Promise.all([connect(url), connect(url)])
  const files = [new URL('./tasks.ts', import.meta.url).href]
  const worker = new Worker({ broker, tasks, name: 'heavy', pool, files, concurrency: 1, abortGrace: '200ms' })
  try {
    await worker.start()
    for (const show of [watchProgress, loseOne, terminateOne, liftLimit]) await show(watcher)
  } finally {
    await worker.stop()
    await Promise.all([watcher.close(), broker.close()])
  }
}

const { values } = parseArgs({ options: { pool: { type: 'string', default: 'threads' } } })
if (values.pool === 'threads' || values.pool === 'processes') {
  const folder = await mkdtemp(join(tmpdir(), 'heavy-work-'))
  await run(values.pool, `sqlite:${join(folder, 'lovage.db')}`).finally(() => rm(folder, { recursive: true }))
} else {
  console.error(`expected --pool to be threads or processes, which can be killed, got: ${values.pool}`)
  process.exitCode = 2
}
