/** BullMQ on Redis or on PostgreSQL: its per-job API, one worker in the process, concurrency 100 (its best here). */
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

/** The part of BullMQ that is used; the package is installed by the benchmark alone. */
interface Bullmq {
  readonly createPostgresBackend: unknown
  readonly Queue: new (
    name: string,
    options: object,
    backend?: unknown,
  ) => { add(name: string, data: object): Promise<unknown>; close(): Promise<void> }
  readonly Worker: new (
    name: string,
    handler: () => Promise<void>,
    options: object,
    backend?: unknown,
  ) => { on(event: 'completed', listener: () => void): void; waitUntilReady(): Promise<unknown>; close(): Promise<void> }
}

export const run: Variant = async (job) => {
  const name = 'bullmq'
  const { Queue, Worker, createPostgresBackend } = (await import(name)) as Bullmq
  const onPostgres = job.settings.on === 'postgres'
  const connection = onPostgres
    ? { connectionString: job.settings.postgres, migrate: true }
    : { host: '127.0.0.1', port: Number(job.settings.redis) }
  const backend = onPostgres ? createPostgresBackend : undefined
  const tasks = onPostgres ? Math.min(job.tasks, 10_000) : job.tasks
  const queue = new Queue('bench', { connection }, backend)
  const sends = await sendRate({ ...job, tasks }, (i) => queue.add('noop', { i }))
  let completed = 0
  let onStart = (): void => {}
  let onAll = (): void => {}
  const all = new Promise<void>((resolve) => {
    onAll = resolve
  })
  const started = performance.now()
  const worker = new Worker('bench', async () => onStart(), { connection, concurrency: 100 }, backend)
  worker.on('completed', () => {
    if (++completed === tasks) onAll()
  })
  await all
  const drains = perSecond(tasks, started)
  const latency = await startLatency(
    job,
    (i) => queue.add('noop', { i }),
    (listener) => {
      onStart = listener
    },
  )
  await worker.close()
  await queue.close()
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}
