/** Draining: everything that is due runs to its end, in this process, through a real worker. */
import { type AnyTask, silentLogger, type Task, type TaskResult } from '@lovage/core'
import { Worker } from '@lovage/worker'
import type { TestBroker } from './test-broker.ts'
import { watchBroker } from './watched-broker.ts'

/** What `drain` takes beside the tasks. */
export interface DrainOptions {
  /** How many tasks run at once. Default 1: in order of priority, then age. More for handlers that wait for each other. */
  readonly concurrency?: number | undefined
}

/**
 * Runs what is due, what it sends, and what becomes due meanwhile, until nothing is left that could run now. What is
 * scheduled for later stays: advance the clock and drain again. Rate limits do not apply. Answers where each task that ran
 * stands, in the order in which they began; a failed task is an answer, not an error.
 * @param tasks the definitions that may run; other tasks stay pending
 * @throws whatever kept the worker from working
 */
export async function drain(
  broker: TestBroker,
  tasks: readonly AnyTask[],
  options: DrainOptions = {},
): Promise<readonly TaskResult[]> {
  const names = new Set(tasks.map((task) => task.name))
  const errors: Error[] = []
  let finish = (): void => {}
  let fail = (_error: unknown): void => {}
  const drained = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  const look = (): void => {
    if (watch.idle()) anyDue(broker, names).then((due) => due || !watch.idle() || finish(), fail)
  }
  const watch = watchBroker(broker, look)
  const worker = new Worker({
    broker: watch.broker,
    tasks: tasks.map((task) => ({ ...task, rateLimit: undefined })),
    name: 'drain@test',
    queues: await queuesOf(broker, tasks),
    concurrency: options.concurrency ?? 1,
    clock: broker.clock,
    logger: silentLogger,
    random: () => 0,
  })
  worker.on('error', (error) => errors.push(error))
  await worker.start()
  try {
    look()
    await drained
  } finally {
    await worker.stop()
  }
  const [first] = errors
  if (first !== undefined) throw first
  return broker.results.get([...watch.delivered])
}

async function queuesOf(broker: TestBroker, tasks: readonly AnyTask[]): Promise<readonly string[]> {
  const known = await broker.queues()
  return [...new Set(['default', ...known.map(({ queue }) => queue), ...tasks.map(({ queue }) => queue)])]
}

/** Whether the store holds something that a worker would be given now, or has been. */
async function anyDue(broker: TestBroker, names: ReadonlySet<string>): Promise<boolean> {
  const paused = new Set((await broker.queues()).filter((queue) => queue.paused).map(({ queue }) => queue))
  const isDue = (task: Task): boolean =>
    names.has(task.name) &&
    (task.state === 'running' ||
      (!paused.has(task.queue) && (task.state === 'pending' || (task.dueAt ?? 0) <= broker.clock.now())))
  let cursor: string | undefined
  do {
    const page = await broker.find({
      states: ['pending', 'running', 'scheduled'],
      order: 'oldest',
      limit: 1000,
      ...(cursor === undefined ? {} : { cursor }),
    })
    if (page.tasks.some(isDue)) return true
    cursor = page.cursor
  } while (cursor !== undefined)
  return false
}
