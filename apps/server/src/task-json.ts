/** Tasks as JSON: the store's record with its payloads as values and its priority as a word. */

import { z } from '@hono/zod-openapi'
import { exceptionReasons, priorityName, priorityNames, type Task, taskStates } from '@lovage/core'

const time = () => z.number().openapi({ description: 'Epoch milliseconds.', example: 1_790_000_000_000 })

export const failureSchema = z
  .object({
    name: z.string(),
    message: z.string(),
    code: z.string().optional(),
    stack: z.string().optional(),
    cause: z.unknown().optional().openapi({ description: 'Another failure.' }),
  })
  .openapi('Failure')

const runSchema = z
  .object({
    run: z.number().int(),
    worker: z.string(),
    startedAt: time(),
    endedAt: time(),
    outcome: z.enum(['completed', 'failed', 'retried', 'released', 'rejected', 'cancelled', 'lost', 'expired']),
    reason: z.string().optional().openapi({ description: 'Of an exception that ended the task, before it was asked for again.' }),
    failure: failureSchema.optional(),
  })
  .openapi('Run')

/** A task without what may be large. */
export const summarySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    queue: z.string(),
    priority: z.enum(priorityNames),
    state: z.enum(taskStates),
    reason: z
      .string()
      .optional()
      .openapi({ description: `Of an exception: ${exceptionReasons.join(', ')}.` }),
    run: z.number().int().openapi({ description: 'The current or last run; -1 before the first.' }),
    retries: z.number().int(),
    retryLimit: z.number().int().optional(),
    lost: z.number().int(),
    lostLimit: z.number().int(),
    blockers: z.number().int().openapi({ description: 'Dependencies that are not satisfied yet.' }),
    key: z.string().optional(),
    worker: z.string().optional(),
    flow: z.string().optional(),
    parent: z.string().optional(),
    progress: z.unknown().optional(),
    failure: z.object({ name: z.string(), message: z.string() }).optional(),
    dueAt: time().optional(),
    deadline: time().optional(),
    takenUntil: time().optional(),
    createdAt: time(),
    startedAt: time().optional(),
    resolvedAt: time().optional(),
  })
  .openapi('TaskSummary')

/** A whole task. */
export const taskSchema = summarySchema
  .extend({
    input: z.unknown().optional(),
    args: z.array(z.unknown()).optional(),
    kwargs: z.record(z.string(), z.unknown()).optional(),
    headers: z.record(z.string(), z.unknown()).optional(),
    dependencies: z.array(z.string()).optional(),
    standIns: z.record(z.string(), z.string()).optional(),
    requires: z.enum(['all-completed', 'all-resolved']).optional(),
    onDependencyFailure: z.enum(['resolve', 'wait']).optional(),
    timeoutMs: z.number().optional(),
    result: z.unknown().optional(),
    failure: failureSchema.optional(),
    runs: z.array(runSchema),
  })
  .openapi('Task')

export type TaskSummary = z.infer<typeof summarySchema>
export type TaskJson = z.infer<typeof taskSchema>

export function taskSummary(task: Task): TaskSummary {
  const { id, name, queue, state, reason, run, retries, retryLimit, lost, lostLimit, blockers, key, worker, failure } = task
  const { dueAt, deadline, takenUntil, createdAt, startedAt, resolvedAt } = task
  return {
    ...{ id, name, queue, state, reason, run, retries, retryLimit, lost, lostLimit, blockers, key, worker },
    ...{ dueAt, deadline, takenUntil, createdAt, startedAt, resolvedAt },
    priority: priorityName(task.priority),
    flow: task.extras?.flow,
    parent: task.extras?.parent,
    progress: parsed(task.progress),
    failure: failure === undefined ? undefined : { name: failure.name, message: failure.message },
  }
}

export function taskJson(task: Task): TaskJson {
  const { args, kwargs, headers, dependencies, standIns, requires, onDependencyFailure, timeoutMs } = task.extras ?? {}
  return {
    ...taskSummary(task),
    input: parsed(task.input),
    args: args === undefined ? undefined : [...args],
    kwargs,
    headers,
    dependencies: dependencies === undefined ? undefined : [...dependencies],
    standIns,
    requires,
    onDependencyFailure,
    timeoutMs,
    result: parsed(task.result),
    failure: task.failure,
    runs: [...task.runs],
  }
}

/** Payloads are JSON texts; one that is damaged is shown as the text that it is. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
