/** Lovage on one file, or on what servers the run has, as its users have it: the per-task API, default settings, one worker in the process. */
import { join } from 'node:path'
import { connect, defineTask, Worker } from 'lovage'
import { type Job, perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

export const run: Variant = async (job) => {
  const broker = await connect(job.settings.postgres ?? `sqlite:${join(job.directory, 'bench.db')}`, {
    signal: signalOf(job),
    synchronous: job.settings.synchronous === 'normal' ? 'normal' : 'full',
  })
  let count = 0
  let onCount = (_: number): void => {}
  const noop = defineTask({
    name: 'noop',
    async run() {
      onCount(++count)
    },
  })
  const sends = await sendRate(job, (i) => broker.send(noop, { i }))
  const worker = new Worker({ broker, tasks: [noop] })
  const started = performance.now()
  const last = new Promise<void>((resolve) => {
    onCount = (n) => {
      if (n === job.tasks) resolve()
    }
  })
  await worker.start()
  await last
  while ((await broker.admin?.find({ states: ['running', 'pending'], limit: 1 }))?.tasks.length !== 0);
  const drains = perSecond(job.tasks, started)
  const latency = await startLatency(
    job,
    (i) => broker.send(noop, { i }),
    (listener) => {
      onCount = listener
    },
  )
  await worker.stop()
  await broker.close()
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}

/** RabbitMQ's address, with or without the events that other systems may listen to. */
function signalOf({ settings: { rabbitmq, events } }: Job): string | undefined {
  return rabbitmq === undefined ? undefined : `${rabbitmq}?events=${events ?? 'true'}`
}
