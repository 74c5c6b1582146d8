/** Queues as a table. */
import type { QueueInfo, TaskState } from '@lovage/core'
import { wholeDuration } from './moment.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

const shown = [
  'pending',
  'running',
  'scheduled',
  'blocked',
  'failed',
  'exception',
  'completed',
] as const satisfies readonly TaskState[]

/** One line per queue: how many tasks are in which state, and the age of the oldest that is pending. */
export function queueRows(queues: readonly QueueInfo[], paint: Paint, now: number, columns?: number): string[] {
  const rows = queues.map(({ queue, paused, counts, oldestPendingAt }) => [
    queue,
    ...shown.map((state) => count(counts[state] ?? 0, state, paint)),
    oldestPendingAt === undefined ? '-' : wholeDuration(Math.max(0, now - oldestPendingAt)),
    paused ? paint('yellow', 'paused') : '',
  ])
  const numbers = [...shown.map((state) => state.toUpperCase()), 'OLDEST'].map((title) => ({ title, align: 'right' }) as const)
  return table([{ title: 'QUEUE' }, ...numbers, { title: '' }], rows, paint, columns)
}

function count(number: number, state: TaskState, paint: Paint): string {
  if (number === 0) return paint('dim', '0')
  return state === 'failed' || state === 'exception' ? paint('red', String(number)) : String(number)
}
