/** Creating a task: the same definition under the same id is the same task, whenever and however often it comes. */
import { isDeepStrictEqual } from 'node:util'
import { type DeskSend, priorityNames, type Task, type TaskStatus, taskStatus } from '@lovage/core'
import type { Context } from 'hono'
import type { Scopes } from './authority.ts'
import { ContractError } from './contract-error.ts'
import {
  checkTimely,
  completeDefinition,
  type Definition,
  type GivenDefinition,
  messageFor,
  sentDefinition,
} from './definition.ts'
import type { Office } from './office.ts'
import type { TaskGroups } from './task-groups.ts'

type Answer = { readonly status: TaskStatus }

/**
 * Nobody asks first whether the task is there: most are new. One that was there is compared with, even if it could not be created
 * any more: repeated later, a definition need not be timely again, nor its group open.
 * @throws {LovageError} what the authority refuses; InputError, RequestConflict
 */
export async function createTask(
  office: Office,
  groups: TaskGroups,
  context: Context,
  taskId: string,
  given: GivenDefinition,
): Promise<Answer> {
  if (!/^[A-Za-z0-9_-]{1,38}$/.test(taskId)) {
    throw new ContractError('InvalidRequestArguments', `expected an id of 1 to 38 letters, digits, - or _, got: ${taskId}`)
  }
  const definition = completeDefinition(taskId, given)
  await office.authority.authorize(context, creationScopes(definition))
  let sent: DeskSend
  let isShared: boolean
  try {
    checkTimely(definition, office.desk.now())
    await checkDependencies(office, taskId, definition)
    isShared = await groups.join(taskId, definition)
    sent = await office.desk.send(messageFor(taskId, definition))
  } catch (error) {
    const [known] = await office.admin.get([taskId])
    if (known === undefined) throw error
    return sameTask(known, definition)
  }
  if (!sent.isNew) return sameTask(sent.task, definition)
  if (isShared && (await groups.isSealed(definition.taskGroupId))) await shutOut(office, groups, taskId, definition)
  return { status: taskStatus(sent.task) }
}

/** Whoever sealed the group meanwhile may have counted and cancelled its tasks by now: this one is none of them, and is not to run. */
async function shutOut({ client }: Office, groups: TaskGroups, taskId: string, { taskGroupId }: Definition): Promise<never> {
  await client.cancel([taskId])
  await groups.leave(taskId, taskGroupId)
  const message = `expected task group ${taskGroupId} to be open, got: sealed while task ${taskId} was created; it is cancelled`
  throw new ContractError('RequestConflict', message, { subject: taskId })
}

function sameTask(task: Task, definition: Definition): Answer {
  const [before, now] = [plain(sentDefinition(task)), plain(definition)]
  const others = Object.keys({ ...before, ...now }).filter((key) => !isDeepStrictEqual(before[key], now[key]))
  if (others.length === 0) return { status: taskStatus(task) }
  const message = `expected task ${task.id} to be new, or the same as it was created, got another \`${others.join('`, `')}\`; choose another id`
  throw new ContractError('RequestConflict', message, { subject: task.id })
}

/** As JSON has it: without what is undefined, and without prototypes. */
function plain(definition: Definition): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(definition)) as Record<string, unknown>
}

/** A priority may be used by whoever may use it or a higher one. */
function creationScopes(definition: Definition): Scopes {
  const { taskQueueId, priority, scopes, routes, schedulerId, taskGroupId, projectId } = definition
  const levels = priorityNames.slice(0, priorityNames.indexOf(priority as (typeof priorityNames)[number]) + 1)
  return {
    AllOf: [
      ...scopes,
      ...routes.map((route) => `queue:route:${route}`),
      { AnyOf: levels.map((level) => `queue:create-task:${level}:${taskQueueId}`) },
      `queue:scheduler-id:${schedulerId}/${taskGroupId}`,
      `queue:create-task:project:${projectId}`,
    ],
  }
}

/** What a task waits for must be there as long as it may wait. */
async function checkDependencies({ admin }: Office, taskId: string, { dependencies, deadline }: Definition): Promise<void> {
  const others = dependencies.filter((id) => id !== taskId)
  if (others.length === 0) return
  const found = await admin.get(others)
  const missing = others.filter((_, index) => found[index] === undefined)
  if (missing.length > 0) {
    throw new ContractError(
      'InputError',
      `expected the dependencies of task ${taskId} to be tasks that exist, got: ${missing.slice(0, 5).join(', ')}`,
    )
  }
  const early = found.filter((task) => (task?.extras?.http?.expires ?? deadline) < deadline)
  if (early.length === 0) return
  const ids = early.slice(0, 5).map((task) => task?.id)
  throw new ContractError(
    'InputError',
    `expected the dependencies of task ${taskId} to expire after its deadline, got: ${ids.join(', ')}`,
  )
}
