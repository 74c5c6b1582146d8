/** What the end of a run means for its task: the retry policy and the causes of stops applied. Pure. */
import { type Failure, failureFrom, type Outcome, type Random, retryDelayMs } from '@lovage/core'
import type { JobEnd } from './pool.ts'
import { stopError } from './stop-errors.ts'
import type { StopCause, TaskRun } from './task-run.ts'

/** The parts of a run that decide. */
export type RunFacts = Pick<TaskRun, 'message' | 'task' | 'stopped'>

/** Gives the outcome to settle with. A run that was stopped and still returned keeps its result, unless it was cancelled. */
export function outcomeOf(run: RunFacts, end: JobEnd, random: Random): Outcome {
  if (run.stopped?.type === 'terminated') return { type: 'cancelled', message: 'terminated' }
  switch (end.type) {
    case 'returned':
      return { type: 'completed', result: end.value }
    case 'invalid':
      return { type: 'rejected', reason: 'malformed-payload', failure: end.failure }
    case 'kept':
      return end.failure === undefined ? { type: 'released' } : backFor(run, end.failure)
    case 'refused':
      return { type: 'failed', failure: end.failure }
    case 'misfit':
      // The same handler would return the same again, and what it did would be done twice.
      return { type: 'failed', failure: end.failure }
    case 'cancel':
      return end.message === undefined ? { type: 'cancelled' } : { type: 'cancelled', message: end.message }
    case 'retry':
      return again(run, end.failure, random, end.delayMs)
    case 'unbegun':
      if (run.stopped?.type === 'shutdown') return { type: 'released' }
      return backFor(run, end.failure)
    case 'threw':
      if (run.stopped !== undefined) return stoppedOutcome(run, run.stopped, random)
      return again(run, end.failure, random)
    case 'died':
      if (run.stopped !== undefined) return stoppedOutcome(run, run.stopped, random)
      return { ...again(run, end.failure, random), reason: 'child-died' }
  }
}

/** The outcome of a run whose handler did not end when it was stopped. */
export function stoppedOutcome(run: RunFacts, cause: StopCause, random: Random): Outcome {
  switch (cause.type) {
    case 'terminated':
      return { type: 'cancelled', message: 'terminated' }
    case 'timeout': {
      const outcome = again(run, failureFrom(stopError(cause, run.message.id)), random)
      return { ...outcome, reason: 'timeout' }
    }
    case 'disowned':
    case 'shutdown':
      return { type: 'released' }
  }
}

/** Back to its queue for a while: the longer, up to a minute, the more runs it has behind it. */
function backFor({ message }: RunFacts, failure: Failure): Outcome {
  return { type: 'released', delayMs: Math.min(60_000, 1000 * 2 ** Math.min(message.run, 6)), failure }
}

function again(
  run: RunFacts,
  failure: Failure | undefined,
  random: Random,
  delayMs?: number,
): Outcome & { type: 'retried' | 'failed' } {
  const { message, task } = run
  const policy = task.definition.retry
  const limit = message.retryLimit ?? policy.limit
  if (message.retries >= limit) return { type: 'failed', failure: failure ?? noneLeft(limit) }
  const retried = { type: 'retried', delayMs: delayMs ?? retryDelayMs(policy, message.retries + 1, random), limit } as const
  return failure === undefined ? retried : { ...retried, failure }
}

function noneLeft(limit: number): Failure {
  return { name: 'Error', message: `the handler asked for a retry, but none of ${limit} is left` }
}
