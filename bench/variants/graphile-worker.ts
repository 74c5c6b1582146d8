/** graphile-worker on PostgreSQL with its fastest documented settings: a local queue, completions in batches, 10 jobs at once. */
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

/** The part of graphile-worker that is used; the package is installed by the benchmark alone. */
interface Graphile {
  makeWorkerUtils(options: object): Promise<{
    addJob(name: string, payload: object): Promise<unknown>
    migrate(): Promise<void>
    release(): Promise<void>
  }>
  run(options: object): Promise<{ stop(): Promise<void> }>
  readonly Logger: new (factory: () => () => void) => object
}

const slowest = 20_000

export const run: Variant = async (job) => {
  const name = 'graphile-worker'
  const { makeWorkerUtils, run: work, Logger } = (await import(name)) as Graphile
  const connectionString = job.settings.postgres ?? ''
  const logger = new Logger(() => () => {})
  const maker = await makeWorkerUtils({ connectionString, logger, maxPoolSize: 10 })
  await maker.migrate()
  const tasks = Math.min(job.tasks, slowest)
  const sends = await sendRate({ ...job, tasks }, (i) => maker.addJob('noop', { i }))
  let completed = 0
  let onStart = (): void => {}
  const started = performance.now()
  let onAll = (): void => {}
  const all = new Promise<void>((resolve) => {
    onAll = resolve
  })
  const runner = await work({
    taskList: {
      noop() {
        onStart()
        if (++completed === tasks) onAll()
      },
    },
    preset: {
      worker: {
        connectionString,
        logger,
        concurrentJobs: 10,
        maxPoolSize: 10,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    noHandleSignals: true,
  })
  await all
  const drains = perSecond(tasks, started)
  const latency = await startLatency(
    job,
    (i) => maker.addJob('noop', { i }),
    (listener) => {
      onStart = listener
    },
  )
  await runner.stop()
  await maker.release()
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}
