/** BullMQ on Redis: its per-job API, one worker in the process, concurrency 100 (its best here). */
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

/** The part of BullMQ that is used; the package is installed by the benchmark alone. */
interface Bullmq {
  readonly Queue: new (
    name: string,
    options: object,
  ) => { add(name: string, data: object): Promise<unknown>; close(): Promise<void> }
  readonly Worker: new (
    name: string,
    handler: () => Promise<void>,
    options: object,
  ) => { on(event: 'completed', listener: () => void): void; waitUntilReady(): Promise<unknown>; close(): Promise<void> }
}

export const run: Variant = async (job) => {
  const name = 'bullmq'
  const { Queue, Worker } = (await import(name)) as Bullmq
  const connection = { host: '127.0.0.1', port: Number(job.settings.redis) }
  const queue = new Queue('bench', { connection })
  const sends = await sendRate(job, (i) => queue.add('noop', { i }))
  let completed = 0
  let onStart = (): void => {}
  let onAll = (): void => {}
  const all = new Promise<void>((resolve) => {
    onAll = resolve
  })
  const started = performance.now()
  const worker = new Worker('bench', async () => onStart(), { connection, concurrency: 100 })
  worker.on('completed', () => {
    if (++completed === job.tasks) onAll()
  })
  await all
  const drains = perSecond(job.tasks, started)
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
