/** Tasks as a table. */
import { type Failure, priorityName, type Task } from '@lovage/core'
import { failureLine } from './failure-text.ts'
import { jsonText, storedProgress } from './json-value.ts'
import { relativeTime } from './moment.ts'
import { type Paint, paintState } from './paint.ts'
import { table } from './table.ts'

/** One line per task: id, name, queue, state, how far, when, and the most telling part of its life. */
export function taskRows(tasks: readonly Task[], paint: Paint, now: number, columns?: number): string[] {
  const rows = tasks.map((task) => [
    task.id,
    task.name,
    task.queue,
    paintState(paint, task.state),
    String(Math.max(0, task.run + 1)),
    relativeTime(task.resolvedAt ?? task.createdAt, now),
    about(task, now),
  ])
  const titles = ['ID', 'NAME', 'QUEUE', 'STATE', 'RUNS', 'WHEN', 'ABOUT'].map((title) => ({ title }))
  return table(titles, rows, paint, columns)
}

function about(task: Task, now: number): string {
  switch (task.state) {
    case 'blocked':
      return `waits for ${task.blockers} ${task.blockers === 1 ? 'task' : 'tasks'}`
    case 'scheduled':
      return task.dueAt === undefined ? '' : `due ${relativeTime(task.dueAt, now)}`
    case 'pending':
      return task.priority === 4 ? '' : priorityName(task.priority)
    case 'running':
      return `${task.worker ?? ''}${task.progress === undefined ? '' : ` ${storedProgress(task.progress)}`}`
    case 'completed':
      return task.result === undefined ? '' : jsonText(task.result, Number.POSITIVE_INFINITY).slice(0, 60)
    case 'failed':
    case 'exception':
      return why(task.reason, task.failure)
  }
}

function why(reason: string | undefined, failure: Failure | undefined): string {
  return [reason, failure === undefined ? undefined : failureLine(failure)].filter((part) => part !== undefined).join(': ')
}
