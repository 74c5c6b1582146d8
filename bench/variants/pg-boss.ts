/** pg-boss on PostgreSQL with its fastest settings here: batches of 500, fetched on without pause, woken by NOTIFY when idle. */
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

/** The part of pg-boss that is used; the package is installed by the benchmark alone. */
interface Boss {
  on(event: 'error', listener: () => void): void
  start(): Promise<unknown>
  createQueue(name: string, options: object): Promise<void>
  send(name: string, data: object): Promise<unknown>
  work(name: string, options: object, handler: (jobs: readonly unknown[]) => Promise<void>): Promise<unknown>
  stop(options: object): Promise<void>
}

const slowest = 20_000

export const run: Variant = async (job) => {
  const name = 'pg-boss'
  const { PgBoss } = (await import(name)) as { PgBoss: new (options: object) => Boss }
  const boss = new PgBoss({ connectionString: job.settings.postgres, useListenNotify: true })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue('noop', { notify: true })
  const tasks = Math.min(job.tasks, slowest)
  const sends = await sendRate({ ...job, tasks }, (i) => boss.send('noop', { i }))
  let completed = 0
  let onStart = (): void => {}
  const started = performance.now()
  let onAll = (): void => {}
  const all = new Promise<void>((resolve) => {
    onAll = resolve
  })
  await boss.work('noop', { batchSize: 500, burstWhenBatchFull: true }, async (jobs) => {
    onStart()
    completed += jobs.length
    if (completed >= tasks) onAll()
  })
  await all
  const drains = perSecond(tasks, started)
  const latency = await startLatency(
    { ...job, probes: Math.min(job.probes, 50) },
    (i) => boss.send('noop', { i }),
    (listener) => {
      onStart = listener
    },
  )
  await boss.stop({ graceful: false })
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}
