/** Writes what a worker does with its tasks to the log. */
import type { Logger, LogLevel, WorkerEvent } from '@lovage/core'
import type { Worker } from '@lovage/worker'
import { logLevels } from './human-log.ts'

type Entry = readonly [level: LogLevel, text: string, fields: (event: WorkerEvent) => object]

const seconds = ({ runtime }: WorkerEvent) => ({ seconds: runtime })
const failure = ({ exception, delayMs, runtime }: WorkerEvent) => ({
  exception,
  ...(delayMs === undefined ? {} : { delayMs }),
  seconds: runtime,
})

const entries = {
  'task-received': ['debug', 'received', ({ queue }) => ({ queue })],
  'task-started': ['debug', 'started', () => ({})],
  'task-succeeded': ['info', 'completed', seconds],
  'task-retried': ['warn', 'failed and is tried again', failure],
  'task-failed': ['error', 'failed', failure],
  'task-rejected': ['error', 'was rejected', ({ reason, exception }) => ({ reason, exception })],
  'task-revoked': ['warn', 'was revoked', ({ expired }) => ({ expired })],
  'task-released': ['info', 'was given back', ({ exception, delayMs }) => (exception === null ? {} : { exception, delayMs })],
} as const satisfies Record<string, Entry>

/** What is said of tasks that are handed on. Those that wait for a place to take them come back again and again: it is told of the place. */
const handedOn: Readonly<Record<string, readonly [level: LogLevel, text: string]>> = {
  'task-succeeded': ['info', 'was sent on'],
  'task-failed': ['error', 'was refused there'],
  'task-released': ['debug', 'was not sent on yet'],
}

/** Listens only to what the level shows, because an event that nobody hears is not even built. */
export function logTasks(worker: Worker, logger: Logger, level: LogLevel): void {
  const words = worker.pool.handsOn === true ? handedOn : {}
  for (const [type, entry] of Object.entries(entries) as [keyof typeof entries, Entry][]) {
    const [, , fields] = entry
    const [entryLevel, text] = words[type] ?? entry
    if (logLevels.indexOf(entryLevel) < logLevels.indexOf(level)) continue
    worker.on(type, (event) => logger[entryLevel]({ id: event.id, ...fields(event) }, `${String(event.name)} ${text}`))
  }
}
