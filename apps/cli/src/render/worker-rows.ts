/** Workers as a table. */
import { wholeDuration } from './moment.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

/** One worker, as the broker and the worker itself describe it. */
export interface WorkerStatus {
  readonly name: string
  readonly pid: number | undefined
  readonly queues: readonly string[] | undefined
  readonly tasks: readonly string[] | undefined
  /** Epoch milliseconds. */
  readonly startedAt: number | undefined
  /** Whether it answered in time; without an answer the figures below are undefined. */
  readonly answered: boolean
  readonly paused: boolean | undefined
  /** Why and until when, where a server knows. */
  readonly pause?: { readonly until: string; readonly reason: string } | undefined
  readonly stopping: boolean | undefined
  readonly active: number | undefined
  readonly concurrency: number | undefined
  readonly processed: number | undefined
  /** Seconds. */
  readonly uptime: number | undefined
}

/** One line per worker; one that did not answer says so. */
export function workerRows(workers: readonly WorkerStatus[], paint: Paint, now: number, columns?: number): string[] {
  const rows = [...workers]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((worker) => [
      worker.name,
      text(worker.pid),
      worker.queues?.join(',') ?? '-',
      `${text(worker.active)}/${text(worker.concurrency)}`,
      text(worker.processed),
      uptime(worker, now),
      note(worker, paint),
    ])
  const right = { align: 'right' } as const
  const titles = [
    { title: 'NAME' },
    { title: 'PID', ...right },
    { title: 'QUEUES' },
    { title: 'ACTIVE', ...right },
    { title: 'PROCESSED', ...right },
    { title: 'UPTIME', ...right },
    { title: '' },
  ]
  return table(titles, rows, paint, columns)
}

function text(value: number | undefined): string {
  return value === undefined ? '-' : String(value)
}

function uptime(worker: WorkerStatus, now: number): string {
  if (worker.startedAt !== undefined) return wholeDuration(Math.max(0, now - worker.startedAt))
  return worker.uptime === undefined ? '-' : wholeDuration(worker.uptime * 1000)
}

function note(worker: WorkerStatus, paint: Paint): string {
  if (!worker.answered) return paint('red', 'no answer')
  if (worker.stopping === true) return paint('yellow', 'stopping')
  if (worker.paused !== true) return ''
  const { pause } = worker
  return paint('yellow', pause === undefined ? 'paused' : `paused until ${pause.until}: ${pause.reason}`)
}
