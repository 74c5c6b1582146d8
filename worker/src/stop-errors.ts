/** The reasons with which a handler's signal fires. */
import { formatDuration, type RevokeReason, TaskError } from '@lovage/core'
import type { StopCause } from './task-run.ts'

/** The soft time limit: the handler may still finish. */
export class SoftTimeout extends TaskError {}
/** The hard time limit: the run counts as failed. */
export class HardTimeout extends TaskError {}
/** The run was taken from this worker: cancelled, past its deadline, lost, or given back by a shutdown. */
export class RunStopped extends TaskError {}

export function softTimeout(limitMs: number, subject: string): SoftTimeout {
  return new SoftTimeout('TIMEOUT', `expected to finish before the soft time limit of ${formatDuration(limitMs)}`, { subject })
}

/** The error for a cause. */
export function stopError(cause: StopCause, subject: string): TaskError {
  switch (cause.type) {
    case 'timeout':
      return new HardTimeout('TIMEOUT', `took longer than its time limit of ${formatDuration(cause.limitMs)}`, { subject })
    case 'terminated':
      return new RunStopped('RUN_STOPPED', `was terminated by remote control (${cause.signal})`, { subject })
    case 'disowned':
      return new RunStopped('RUN_STOPPED', disowned[cause.reason], { subject })
    case 'shutdown':
      return new RunStopped('RUN_STOPPED', 'the worker is shutting down; the task is given back', { subject })
  }
}

const disowned: Readonly<Record<RevokeReason, string>> = {
  cancelled: 'the task was cancelled',
  lost: 'the run no longer belongs to this worker; the task may run elsewhere',
  deadline: 'the deadline of the task has passed',
}
