/** A worker as a process runs it: made from the options, logged, and stopped. */
import type { Client } from '@lovage/client'
import { Worker } from '@lovage/worker'
import type { Invocation } from '../invocation.ts'
import { definitionsOf, type TaskFile } from '../task-files.ts'
import { tellLastWords } from './last-words.ts'
import type { ProcessLogger } from './process-logger.ts'
import { repeatedErrors } from './repeated-errors.ts'
import { logTasks } from './task-log.ts'
import { workerName } from './worker-name.ts'

export interface WorkerFlags {
  readonly name?: string
  readonly concurrency?: number
  readonly queues?: readonly string[]
  readonly pool?: 'inline' | 'threads' | 'processes'
  readonly prefetch?: number
  readonly events?: boolean
}

/** Makes the worker of the options; it is not started. @throws {ConfigError} NAME_INVALID, OPTION_INVALID */
export function makeWorker(
  broker: Client,
  files: readonly TaskFile[],
  invocation: Invocation<WorkerFlags>,
  { logger, level }: ProcessLogger,
): Worker {
  const flags = invocation.options
  const worker = new Worker({
    broker,
    tasks: definitionsOf(files),
    files: files.map((file) => file.path),
    name: workerName(flags.name),
    queues: flags.queues,
    concurrency: flags.concurrency,
    pool: flags.pool,
    prefetch: flags.prefetch,
    events: flags.events,
    logger,
  })
  attend(worker, invocation, { logger, level })
  return worker
}

/** Logs what a worker does, and how it ends. */
export function attend(
  worker: Worker,
  invocation: Pick<Invocation, 'terminal' | 'settings'>,
  { logger, level }: ProcessLogger,
): void {
  // What keeps it from starting is thrown by `start`, too.
  worker.on('fatal', () => {})
  const errors = repeatedErrors(logger)
  worker.on('error', (error) => errors.tell(error))
  worker.on('exit', () => errors.end())
  logTasks(worker, logger, level)
  worker.on('end', () => {
    const { active } = worker.load
    const till = worker.pool.handsOn === true ? 'what is being sent is there' : 'running tasks are done'
    logger.info({ active }, active === 0 ? 'stopping' : `stopping when ${till}; Ctrl-C again aborts them`)
  })
  worker.on('exit', tellLastWords(worker, invocation))
  worker.on('exit', () => logger.info({ processed: worker.load.processed }, 'stopped'))
}

/** What a worker is, for the banner. Its queues are called as its world calls them: Celery's `celery` is Lovage's `default`. */
export async function workerFacts(worker: Worker, broker: Client): Promise<readonly (readonly [name: string, value: unknown])[]> {
  const { admin, control } = broker
  const asked = { destination: [worker.name], limit: 1 }
  const [reply] = admin === undefined ? await control.request('active_queues', {}, asked) : []
  return [
    ['worker', worker.name],
    ['pid', process.pid],
    ['queues', (reply?.ok ? queueNames(reply.value) : undefined) ?? worker.queues],
    ['tasks', [...worker.registry.keys()].sort()],
    ['concurrency', worker.concurrency],
    ['pool', worker.pool.name],
  ]
}

/** The names of a list as `active_queues` answers it. */
export function queueNames(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])) : undefined
}
