/** plainjob on one SQLite file (better-sqlite3): its only API is synchronous, one transaction a job; one worker. */
import { join } from 'node:path'
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

/** The parts of plainjob and better-sqlite3 that are used; the packages are installed by the benchmark alone. */
interface Plainjob {
  better(database: object): object
  defineQueue(options: object): { add(name: string, data: object): unknown; close(): void }
  defineWorker(name: string, handler: () => Promise<void>, options: object): { start(): Promise<void>; stop(): Promise<void> }
}

const quiet = { error() {}, warn() {}, info() {}, debug() {} }

export const run: Variant = async (job) => {
  const names = { plainjob: 'plainjob', sqlite: 'better-sqlite3' }
  const { better, defineQueue, defineWorker } = (await import(names.plainjob)) as Plainjob
  const { default: Database } = (await import(names.sqlite)) as {
    default: new (path: string) => { pragma(text: string): unknown }
  }
  const database = new Database(join(job.directory, 'plainjob.db'))
  const queue = defineQueue({ connection: better(database), logger: quiet })
  // plainjob chooses WAL and leaves the rest; the same durability is asked of both.
  database.pragma(`synchronous = ${job.settings.synchronous ?? 'full'}`)
  const tasks = Math.min(job.tasks, 20_000)
  const sends = await sendRate({ ...job, tasks }, async (i) => queue.add('noop', { i }))
  let completed = 0
  let onStart = (): void => {}
  const started = performance.now()
  let onAll = (): void => {}
  const all = new Promise<void>((resolve) => {
    onAll = resolve
  })
  const worker = defineWorker(
    'noop',
    async () => {
      onStart()
      if (++completed === tasks) onAll()
    },
    { queue, logger: quiet, pollIntervall: 1 },
  )
  void worker.start()
  await all
  const drains = perSecond(tasks, started)
  const latency = await startLatency(
    job,
    async (i) => queue.add('noop', { i }),
    (listener) => {
      onStart = listener
    },
  )
  await worker.stop()
  queue.close()
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}
