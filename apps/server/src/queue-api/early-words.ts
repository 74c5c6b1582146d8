/** The words of version 0.2 of the queue's contract: its definitions and statuses, and what they are in ours. */
import { z } from '@hono/zod-openapi'
import { priorityName, type Task, taskStatus } from '@lovage/core'
import type { Definition } from './definition.ts'

const id = z.string().regex(/^[A-Za-z0-9_-]{1,36}$/, 'expected 1 to 36 letters, digits, - or _')
const date = z.iso.datetime({ offset: true, error: 'expected a date such as 2027-01-31T09:00:00.000Z' })

export const earlyDefinition = z
  .strictObject({
    version: z.literal('0.2.0'),
    provisioner_id: id,
    worker_type: id,
    routing: z.string().max(64).default(''),
    retries: z.number().int().min(0).max(999).default(5),
    priority: z.number().default(1).openapi({ description: 'Taken to the nearest of 1 to 7.' }),
    created: date,
    deadline: date,
    payload: z.record(z.string(), z.unknown()),
    metadata: z.looseObject({ name: z.string(), owner: z.string() }),
    tags: z.record(z.string(), z.string()).default({}),
  })
  .openapi('EarlyTaskDefinition')

export type EarlyDefinition = z.infer<typeof earlyDefinition>

const states = z.enum(['pending', 'running', 'completed', 'failed'])
const reasons = z.enum(['none', 'retries-failed', 'timeout', 'canceled'])

export const earlyStatusSchema = z
  .object({
    task_id: z.string(),
    provisioner_id: z.string(),
    worker_type: z.string(),
    runs: z.array(z.object({ run_id: z.number().int(), worker_group: z.string(), worker_id: z.string() })),
    state: states,
    reason: reasons,
    routing: z.string(),
    retries: z.number().int(),
    priority: z.number(),
    created: z.string(),
    deadline: z.string(),
    taken_until: z.string().optional(),
  })
  .openapi('EarlyTaskStatus')

export type EarlyStatus = z.infer<typeof earlyStatusSchema>

export const earlyWorker = { worker_group: id, worker_id: id }

/** What such a definition is in the words of today. */
export function definitionFromEarly(taskId: string, given: EarlyDefinition): Definition {
  const { provisioner_id: provisionerId, worker_type: workerType, routing, priority, metadata } = given
  const deadline = new Date(given.deadline)
  return {
    ...{ provisionerId, workerType, taskQueueId: `${provisionerId}/${workerType}`, taskGroupId: taskId },
    ...{ schedulerId: '-', projectId: 'none', dependencies: [], requires: 'all-completed', routes: [], scopes: [] },
    ...{ retries: given.retries, priority: priorityName(priority), payload: given.payload, tags: given.tags },
    metadata: { name: metadata.name, description: '', owner: metadata.owner, source: 'https://localhost/' },
    created: new Date(given.created).toJSON(),
    deadline: deadline.toJSON(),
    expires: new Date(deadline.getTime() + 365 * 86_400_000).toJSON(),
    extra: { early: { routing, priority, metadata } },
  }
}

/** Only runs that a worker had are told, from 1. */
export function earlyStatus(task: Task): EarlyStatus {
  const status = taskStatus(task)
  const early = task.extras?.http?.extra.early as { readonly routing?: string; readonly priority?: number } | undefined
  const last = status.runs.at(-1)
  return {
    task_id: task.id,
    provisioner_id: status.provisionerId,
    worker_type: status.workerType,
    runs: status.runs.flatMap(({ runId, workerGroup, workerId }) =>
      workerGroup === undefined || workerId === undefined
        ? []
        : { run_id: runId + 1, worker_group: workerGroup, worker_id: workerId },
    ),
    state: status.state === 'exception' ? 'failed' : status.state === 'unscheduled' ? 'pending' : status.state,
    reason: status.state === 'exception' ? reasonFor(last?.reasonResolved) : 'none',
    routing: early?.routing ?? '',
    retries: status.retriesLeft,
    priority: early?.priority ?? task.priority,
    created: task.extras?.http?.created ?? new Date(task.createdAt).toJSON(),
    deadline: status.deadline,
    ...(last?.takenUntil === undefined ? {} : { taken_until: last.takenUntil }),
  }
}

function reasonFor(reasonResolved: string | undefined): z.infer<typeof reasons> {
  if (reasonResolved === 'canceled' || reasonResolved === 'superseded') return 'canceled'
  return reasonResolved === 'deadline-exceeded' ? 'timeout' : 'retries-failed'
}
