/** Task definitions of the contract: what a client sends as one, the task that it becomes, and back. */
import { z } from '@hono/zod-openapi'
import {
  byHandAt,
  type HttpTask,
  httpPayloadName,
  priorityName,
  priorityNames,
  priorityNumber,
  splitQueue,
  type Task,
  type TaskMessage,
  taskStatus,
} from '@lovage/core'
import { ContractError } from './contract-error.ts'

const id = z.string().regex(/^[A-Za-z0-9_-]{1,38}$/, 'expected 1 to 38 letters, digits, - or _')
const dependency = z.string().regex(/^[!-.0-~]{1,200}$/, 'expected the id of a task')
const date = z.iso.datetime({ offset: true, error: 'expected a date such as 2027-01-31T09:00:00.000Z' })
const queueName = z
  .string()
  .regex(/^([A-Za-z0-9_-]{1,38}\/[a-z]([-a-z0-9]{0,36}[a-z0-9])?|[^\s\p{C}/]{1,200})$/u, 'expected `provisionerId/workerType`')

/** What `createTask` takes; no other keys. */
export const definitionSchema = z
  .strictObject({
    taskQueueId: queueName.optional().openapi({ description: 'The queue. A name without a slash is a queue of native workers.' }),
    provisionerId: id.optional().openapi({ description: 'With `workerType` another way to name the queue.' }),
    workerType: id.optional(),
    schedulerId: id.default('-'),
    projectId: z.string().max(500).default('none'),
    taskGroupId: id.optional().openapi({ description: 'Default: the id of the task.' }),
    dependencies: z.array(dependency).max(10_000).default([]),
    requires: z.enum(['all-completed', 'all-resolved']).default('all-completed'),
    routes: z.array(z.string().min(1).max(249)).max(64).default([]),
    priority: z.enum([...priorityNames, 'normal']).default('lowest'),
    retries: z.number().int().min(0).max(49).default(5),
    created: date,
    deadline: date,
    expires: date.optional().openapi({ description: 'Default: a year after the deadline.' }),
    scopes: z.array(z.string().regex(/^[\x20-\x7e]*$/, 'expected printable ASCII')).default([]),
    payload: z.record(z.string(), z.unknown()).openapi({
      description: 'For the worker. `{ "task": NAME, "input": VALUE }` is the native task of that name.',
    }),
    metadata: z.strictObject({
      name: z.string().max(255),
      description: z.string().max(32_768),
      owner: z.string().max(255),
      source: z
        .string()
        .max(4096)
        .regex(/^(https?|ssh):\/\/|^git@/, 'expected an address that begins with https://, http://, ssh:// or git@'),
    }),
    tags: z.record(z.string().max(255), z.string().max(4096)).default({}),
    extra: z.record(z.string(), z.unknown()).default({}),
  })
  .openapi('TaskDefinition')

export type GivenDefinition = z.infer<typeof definitionSchema>

/** A definition with all that was left out, and dates as `toJSON` writes them. */
export interface Definition extends Omit<GivenDefinition, 'taskQueueId' | 'provisionerId' | 'workerType' | 'expires'> {
  readonly taskQueueId: string
  readonly provisionerId: string
  readonly workerType: string
  readonly taskGroupId: string
  readonly expires: string
}

const minute = 60_000
const driftMs = 15 * minute
const longestMs = 5 * 24 * 60 * minute

/** Fills a definition in and checks what a schema cannot. @throws {ContractError} InputError */
export function completeDefinition(taskId: string, given: GivenDefinition): Definition {
  const queue = queueOf(given)
  const [created, deadline] = [Date.parse(given.created), Date.parse(given.deadline)]
  const expires = given.expires === undefined ? yearAfter(deadline) : Date.parse(given.expires)
  check(created <= deadline, `\`deadline\` to be after \`created\` (${at(created)}), got: ${at(deadline)}`)
  check(expires >= deadline, `\`expires\` to be after \`deadline\` (${at(deadline)}), got: ${at(expires)}`)
  check(!given.scopes.some((scope) => scope.endsWith('**')), 'no scope to end in **')
  check(new Set(given.dependencies).size === given.dependencies.length, '`dependencies` to name each task once')
  return {
    ...given,
    ...splitQueue(queue),
    taskQueueId: queue,
    taskGroupId: given.taskGroupId ?? taskId,
    priority: given.priority === 'normal' ? 'lowest' : given.priority,
    created: at(created),
    deadline: at(deadline),
    expires: at(expires),
  }
}

/** What must hold when a task is created, and not for ever. @throws {ContractError} InputError */
export function checkTimely(definition: Pick<Definition, 'created' | 'deadline'>, now: number): void {
  const [created, deadline] = [Date.parse(definition.created), Date.parse(definition.deadline)]
  check(Math.abs(created - now) <= driftMs, `\`created\` to be now (${at(now)}), 15 minutes more or less, got: ${at(created)}`)
  check(deadline > now, `\`deadline\` to lie ahead of now (${at(now)}), got: ${at(deadline)}`)
  check(deadline - now <= longestMs + driftMs, `\`deadline\` to lie at most 5 days ahead, got: ${at(deadline)}`)
}

const at = (time: number): string => new Date(time).toJSON()

function check(holds: boolean, expected: string): void {
  if (!holds) throw new ContractError('InputError', `expected ${expected}`)
}

function queueOf({ taskQueueId, provisionerId, workerType }: GivenDefinition): string {
  const pair = provisionerId === undefined || workerType === undefined ? undefined : queueFrom(`${provisionerId}/${workerType}`)
  const queue = taskQueueId === undefined ? pair : queueFrom(taskQueueId)
  if (queue === undefined || (provisionerId === undefined) !== (workerType === undefined) || (pair ?? queue) !== queue) {
    const got = JSON.stringify({ taskQueueId, provisionerId, workerType })
    throw new ContractError(
      'InputError',
      `expected \`taskQueueId\`, or \`provisionerId\` and \`workerType\` that agree with it, got: ${got}`,
    )
  }
  return queue
}

/** The queue that a `taskQueueId` means: one without a slash goes by the provisioner `-`, too. */
export function queueFrom(taskQueueId: string): string {
  return taskQueueId.startsWith('-/') ? taskQueueId.slice(2) : taskQueueId
}

function yearAfter(time: number): number {
  const date = new Date(time)
  return date.setUTCFullYear(date.getUTCFullYear() + 1)
}

/** A payload that names a native task, and nothing beside it. */
function nativeTask(payload: Readonly<Record<string, unknown>>): { readonly name: string; readonly input: unknown } | undefined {
  const { task, input, ...others } = payload
  if (typeof task !== 'string' || !/^[^\s\p{C}]{1,200}$/u.test(task) || task === httpPayloadName) return undefined
  return Object.keys(others).length === 0 ? { name: task, input } : undefined
}

/** The message that is sent for a definition. */
export function messageFor(taskId: string, definition: Definition): TaskMessage {
  const { payload, dependencies, requires, retries, deadline, priority } = definition
  const { name, input } = nativeTask(payload) ?? { name: httpPayloadName, input: payload }
  const others = dependencies.filter((required) => required !== taskId)
  const isSelfDependent = others.length < dependencies.length
  const number = priorityNumber(priority) ?? 1
  return {
    ...{
      id: taskId,
      name,
      input,
      queue: definition.taskQueueId,
      priority: number,
      lostLimit: retries,
      deadline: Date.parse(deadline),
    },
    ...(others.length === 0 ? {} : { dependencies: others, requires, onDependencyFailure: 'wait' }),
    ...(isSelfDependent ? { at: byHandAt } : {}),
    http: httpPart(definition, number, isSelfDependent),
  }
}

function httpPart(definition: Definition, priority: number, isSelfDependent: boolean): HttpTask {
  const { schedulerId, projectId, taskGroupId, routes, created, expires, scopes, metadata, tags, extra } = definition
  const { dependencies, requires } = definition
  return {
    ...{ schedulerId, projectId, taskGroupId, routes, priority, created, expires, scopes, metadata, tags, extra, requires },
    ...(isSelfDependent ? { selfDependent: dependencies } : {}),
  }
}

/** The definition of a task, whoever made it: a native one has the payload `{ task, input }`. */
export function definitionOf(task: Task): Definition {
  const { http, dependencies = [], flow } = task.extras ?? {}
  const { deadline, expires } = taskStatus(task)
  return {
    ...splitQueue(task.queue),
    taskQueueId: task.queue,
    schedulerId: http?.schedulerId ?? '-',
    projectId: http?.projectId ?? 'none',
    taskGroupId: http?.taskGroupId ?? flow ?? task.id,
    dependencies: [...(http?.selfDependent ?? dependencies)],
    requires: http?.requires ?? task.extras?.requires ?? 'all-completed',
    routes: [...(http?.routes ?? [])],
    priority: priorityName(task.priority),
    retries: task.lostLimit,
    created: http?.created ?? new Date(task.createdAt).toJSON(),
    deadline,
    expires,
    scopes: [...(http?.scopes ?? [])],
    payload: payloadOf(task),
    metadata: (http?.metadata as Definition['metadata'] | undefined) ?? {
      ...{ name: task.name, description: `The native task ${task.name}.`, owner: '-', source: 'https://localhost/' },
    },
    tags: { ...http?.tags },
    extra: { ...http?.extra },
  }
}

/** The definition as it was sent: its priority may have been changed since. */
export function sentDefinition(task: Task): Definition {
  const priority = task.extras?.http?.priority
  return definitionOf(priority === undefined ? task : { ...task, priority })
}

function payloadOf(task: Task): Record<string, unknown> {
  const hasInput = task.input !== 'null' || task.extras?.nullInput === true
  const input: unknown = JSON.parse(task.input)
  if (task.name === httpPayloadName && typeof input === 'object' && input !== null) return input as Record<string, unknown>
  const { args, kwargs } = task.extras ?? {}
  const named = { ...(args === undefined ? {} : { args }), ...(kwargs === undefined ? {} : { kwargs }) }
  return { task: task.name, ...(hasInput ? { input } : {}), ...named }
}
