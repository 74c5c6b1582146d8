/** Verdicts: what a worker's frame means for its task. */
import { type Failure, type Random, type RetryPolicy, retryDelayMs, shown, type Task, type TaskEvent } from '@lovage/core'
import type { DoneFrame, FailFrame } from '../wire/settlement.ts'
import type { TaskAnswer } from '../wire/task.ts'

/** How failed runs are tried again where their sender says nothing. */
export interface Retrying {
  readonly policy: RetryPolicy
  readonly random: Random
}

const startOf = ({ startedAt, createdAt }: Task): number => startedAt ?? createdAt
/** The longest text that is kept of a failure. */
const longest = 8000

/** `resolve(results)` completes; `resolve(results, false)` is the handler's no: it fails, and nobody tries again. */
export function doneEvent(task: Task, { success, results }: DoneFrame): TaskEvent {
  const startedAt = startOf(task)
  if (success) return { type: 'completed', startedAt, result: JSON.stringify(results ?? null) }
  const message = typeof results === 'string' ? results : shown(results ?? 'no results', longest)
  return { type: 'failed', startedAt, failure: { name: 'Unsuccessful', message } }
}

/** `reject(message)`: the worker is broken, another one may do better. */
export function failEvent(task: Task, { results, retry = true }: FailFrame, retrying: Retrying): TaskEvent {
  const failure = { name: 'Rejected', message: results.slice(0, longest) }
  return retry ? retriedEvent(task, failure, retrying) : { type: 'failed', startedAt: startOf(task), failure }
}

/** A frame that settles a run, and cannot be read. */
export function unreadableEvent(task: Task, reason: string, retrying: Retrying): TaskEvent {
  return retriedEvent(task, { name: 'ProtocolError', code: 'PROTOCOL_INVALID', message: reason }, retrying)
}

/** A run took longer than its sender allows. */
export function timeoutEvent(task: Task, timeoutMs: number, retrying: Retrying): TaskEvent {
  const message = `expected the run to end in ${timeoutMs} ms, got no result by then`
  return { ...retriedEvent(task, { name: 'TimeoutError', code: 'TIMEOUT', message }, retrying), reason: 'timeout' }
}

/** A worker that does not take a task says why: only properties that it finds invalid are the task's own fault. */
export function declinedEvent(task: Task, { code, message }: TaskAnswer & { readonly accepted: false }): TaskEvent {
  if (code === 'busy' || code === 'draining') return { type: 'released' }
  if (code === 'unsupported') return { type: 'lost', how: 'intermittent' }
  return malformedEvent(task, message ?? 'its worker found the properties invalid')
}

/** It can be sent to no worker. */
export function malformedEvent(task: Task, message: string): TaskEvent {
  return { type: 'rejected', startedAt: startOf(task), reason: 'malformed-payload', failure: { name: 'InvalidInput', message } }
}

function retriedEvent(task: Task, failure: Failure, { policy, random }: Retrying): TaskEvent & { readonly type: 'retried' } {
  const delayMs = retryDelayMs(policy, task.retries + 1, random)
  return { type: 'retried', startedAt: startOf(task), delayMs, limit: policy.limit, failure }
}
