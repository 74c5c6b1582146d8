/** Reports: how a worker says what became of a run, and what a second report of the same means. */
import { type RunStatus, type Task, type TaskEvent, type TaskStatus, taskStatus } from '@lovage/core'
import { ContractError } from './contract-error.ts'
import { knownTask, type Office } from './office.ts'
import { isHttpHolder } from './worker-book.ts'

/** Every reason that `reportException` takes. */
export const reportReasons = [
  'worker-shutdown',
  'malformed-payload',
  'resource-unavailable',
  'internal-error',
  'superseded',
  'intermittent-task',
] as const
export type ReportReason = (typeof reportReasons)[number]

/** What a worker says of a run. */
export interface Report {
  /** As the status tells it: `completed`, `failed`, or a reason of `reportException`. */
  readonly word: 'completed' | 'failed' | ReportReason
  event(task: Task): TaskEvent
}

const startOf = ({ startedAt, createdAt }: Task): number => startedAt ?? createdAt

/** @param result what the task came to, for whoever asks for the result of a native task; default `null` */
export function completedReport(result: unknown = null): Report {
  return {
    word: 'completed',
    event: (task) => ({ type: 'completed', startedAt: startOf(task), result: JSON.stringify(result) }),
  }
}

export function failedReport(message = 'its worker reported that it failed'): Report {
  return { word: 'failed', event: (task) => ({ type: 'failed', startedAt: startOf(task), failure: { name: 'Failed', message } }) }
}

/** A worker that stops, or says that another try may do better, costs a retry; every other reason is the end. */
export function exceptionReport(reason: ReportReason): Report {
  if (reason === 'worker-shutdown') return { word: reason, event: () => ({ type: 'lost', how: 'lost' }) }
  if (reason === 'intermittent-task') return { word: reason, event: () => ({ type: 'lost', how: 'intermittent' }) }
  return { word: reason, event: (task) => ({ type: 'rejected', startedAt: startOf(task), reason }) }
}

/** The run of a request. @throws {ContractError} ResourceNotFound */
export function knownRun(status: TaskStatus, runId: string): RunStatus {
  const run = status.runs[Number(runId)]
  if (run !== undefined) return run
  throw new ContractError(
    'ResourceNotFound',
    `expected a run of task ${status.taskId}, got: ${runId}; it has ${status.runs.length}`,
  )
}

/** The task of a run that its worker still has. @throws {ContractError} RequestConflict */
export function runningTask(task: Task, runId: string): Task {
  if (task.state !== 'running' || task.run !== Number(runId)) {
    const { state, reasonResolved = state } = knownRun(taskStatus(task), runId)
    throw new ContractError('RequestConflict', `expected run ${runId} of task ${task.id} to be running, got: ${reasonResolved}`)
  }
  if (isHttpHolder(task.holder)) return task
  const message = `expected run ${runId} of task ${task.id} to be claimed over HTTP, got: a native worker has it (${task.worker})`
  throw new ContractError('RequestConflict', message)
}

/** Applies a report. The same one again changes nothing. @throws {ContractError} ResourceNotFound, RequestConflict */
export async function resolveRun(
  office: Office,
  task: Task,
  runId: string,
  report: Report,
): Promise<{ readonly status: TaskStatus }> {
  const status = taskStatus(task)
  if (knownRun(status, runId).reasonResolved === report.word) return { status }
  const running = runningTask(task, runId)
  const counted = await office.desk.settle(running, report.event(running))
  const after = await knownTask(office, task.id)
  // It moved in between: perhaps by the same report.
  if (!counted && knownRun(taskStatus(after), runId).reasonResolved !== report.word) runningTask(after, runId)
  return { status: taskStatus(after) }
}
