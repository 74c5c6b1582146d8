/** What every endpoint of the HTTP queue works with, and the answers that many of them give. */
import { z } from '@hono/zod-openapi'
import type { Client } from '@lovage/client'
import { type Admin, type Desk, type Logger, priorityNames, type Task, type TaskStatus, taskStatus } from '@lovage/core'
import type { Authority } from './authority.ts'
import { ContractError } from './contract-error.ts'

export interface Office {
  readonly client: Client
  readonly admin: Admin
  readonly desk: Desk
  readonly authority: Authority
  readonly logger: Logger
  /** How long a claim lasts without being reclaimed where its queue does not say, in milliseconds. */
  readonly claimMs: number
  /** Fires when the server closes. */
  readonly closing: AbortSignal
}

const time = () => z.string().openapi({ example: '2027-01-31T09:00:00.000Z' })
const runState = z.enum(['pending', 'running', 'completed', 'failed', 'exception'])

export const statusSchema = z
  .object({
    taskId: z.string(),
    provisionerId: z.string(),
    workerType: z.string(),
    taskQueueId: z.string(),
    schedulerId: z.string(),
    projectId: z.string(),
    taskGroupId: z.string(),
    priority: z.enum(priorityNames),
    deadline: time(),
    expires: time(),
    retriesLeft: z.number().int(),
    state: z.enum(['unscheduled', ...runState.options]),
    runs: z.array(
      z.object({
        runId: z.number().int(),
        state: runState,
        reasonCreated: z.enum(['scheduled', 'retry', 'task-retry', 'rerun', 'exception']),
        reasonResolved: z.string().optional(),
        workerGroup: z.string().optional(),
        workerId: z.string().optional(),
        takenUntil: time().optional(),
        scheduled: time(),
        started: time().optional(),
        resolved: time().optional(),
      }),
    ),
  })
  .openapi('TaskStatus')

export const statusAnswer = z.object({ status: statusSchema })

/** The longest page, and the default. */
const mostOfPage = 1000

/** The query of a list that comes page by page. */
export const pageQuery = z.object({
  limit: z.coerce
    .number({ error: 'expected a positive whole number' })
    .int()
    .min(1)
    .transform((limit) => Math.min(limit, mostOfPage))
    .default(mostOfPage)
    .openapi({ type: 'integer', minimum: 1, description: `More than ${mostOfPage} is taken as ${mostOfPage}.` }),
  continuationToken: z.string().optional().openapi({ description: 'From the answer before. Only its absence is the end.' }),
})

/**
 * A page of what is at hand as a whole, in order of its keys. The token is the last key of the page before, which may be gone meanwhile.
 * @throws {ContractError} InvalidRequestArguments
 */
export function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { limit, continuationToken }: z.infer<typeof pageQuery>,
): { readonly items: readonly Item[]; readonly token: { readonly continuationToken?: string } } {
  const after = continuationToken === undefined ? undefined : keyFrom(continuationToken)
  const rest = after === undefined ? [...items] : items.filter((item) => keyOf(item) > after)
  rest.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  if (last === undefined || rest.length <= limit) return { items: page, token: {} }
  return { items: page, token: { continuationToken: Buffer.from(tokenMark + keyOf(last)).toString('base64url') } }
}

/** A key may be empty, a token may not. */
const tokenMark = '>'

function keyFrom(token: string): string {
  const text = Buffer.from(token, 'base64url').toString()
  if (text.startsWith(tokenMark)) return text.slice(tokenMark.length)
  throw wrongToken(token)
}

export function wrongToken(token: string): ContractError {
  return new ContractError(
    'InvalidRequestArguments',
    `expected \`continuationToken\` to be from the answer before, got: ${token}`,
  )
}

/** @throws {ContractError} ResourceNotFound */
export async function knownTask({ admin }: Office, taskId: string): Promise<Task> {
  const [task] = await admin.get([taskId])
  if (task !== undefined) return task
  throw new ContractError('ResourceNotFound', `expected the id of a task, got: ${taskId}, which no task has`, { subject: taskId })
}

/** The status of a task as it is now. */
export async function statusNow(office: Office, taskId: string): Promise<{ readonly status: TaskStatus }> {
  return { status: taskStatus(await knownTask(office, taskId)) }
}

/** @throws {ContractError} RequestConflict */
export function checkDeadline({ desk }: Office, { id, deadline }: Task, verb: string): void {
  if (deadline === undefined || deadline > desk.now()) return
  const passed = new Date(deadline).toJSON()
  throw new ContractError('RequestConflict', `expected the deadline of task ${id} to be ahead to ${verb} it, got: ${passed}`)
}
