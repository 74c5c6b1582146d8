/** Tasks: create, look at, schedule, run again, cancel, hurry. */
import { z } from '@hono/zod-openapi'
import { type PriorityName, priorityNames, priorityNumber, type Task, taskStatus } from '@lovage/core'
import type { Scopes } from './authority.ts'
import { ContractError } from './contract-error.ts'
import { createTask } from './create-task.ts'
import { definitionOf, definitionSchema } from './definition.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { checkDeadline, knownTask, type Office, pageQuery, statusAnswer, statusNow, statusSchema, wrongToken } from './office.ts'
import type { TaskGroups } from './task-groups.ts'

/** The contract's bound on the runs of a task. */
const mostRuns = 50

export function taskEndpoints(office: Office, groups: TaskGroups): readonly Endpoint[] {
  return [...readEndpoints(office), ...listEndpoints(office), ...changeEndpoints(office, groups)]
}

function readEndpoints(office: Office): readonly Endpoint[] {
  const { authority } = office
  return [
    endpoint({
      ...{ name: 'task', method: 'get', path: '/task/{taskId}', summary: 'Shows what was asked for', answer: definitionSchema },
      async handle({ context, params: { taskId = '' } }) {
        await authority.authorize(context, `queue:get-task:${taskId}`)
        return definitionOf(await knownTask(office, taskId))
      },
    }),
    endpoint({
      ...{
        name: 'status',
        method: 'get',
        path: '/task/{taskId}/status',
        summary: 'Shows where a task stands',
        answer: statusAnswer,
      },
      async handle({ context, params: { taskId = '' } }) {
        await authority.authorize(context, `queue:status:${taskId}`)
        return statusNow(office, taskId)
      },
    }),
    endpoint({
      ...{ name: 'listDependentTasks', method: 'get', path: '/task/{taskId}/dependents' },
      summary: 'Lists the tasks that wait, or waited, for a task',
      query: pageQuery,
      answer: z.object({
        taskId: z.string(),
        tasks: z.array(z.object({ status: statusSchema, task: definitionSchema })),
        continuationToken: z.string().optional(),
      }),
      async handle({ context, params: { taskId = '' }, query }) {
        await authority.authorize(context, `queue:list-dependent-tasks:${taskId}`)
        await knownTask(office, taskId)
        const { limit, continuationToken: cursor } = query
        const page = await office.admin.find({
          dependency: taskId,
          order: 'oldest',
          limit,
          ...(cursor === undefined ? {} : { cursor }),
        })
        const tasks = page.tasks.map((task) => ({ status: taskStatus(task), task: definitionOf(task) }))
        return { taskId, tasks, ...(page.cursor === undefined ? {} : { continuationToken: page.cursor }) }
      },
    }),
  ]
}

const idsBody = z.strictObject({ taskIds: z.array(z.string()).max(1000) })

function listEndpoints(office: Office): readonly Endpoint[] {
  const page = async (ids: readonly string[], { limit, continuationToken }: z.infer<typeof pageQuery>) => {
    const from = continuationToken === undefined ? 0 : Number(continuationToken)
    if (!Number.isSafeInteger(from) || from < 0) throw wrongToken(String(continuationToken))
    const end = from + limit
    const tasks = (await office.admin.get(ids.slice(from, end))).filter((task) => task !== undefined)
    return { found: tasks, token: end < ids.length ? { continuationToken: String(end) } : {} }
  }
  const continuationToken = z.string().optional()
  return [
    endpoint({
      ...{
        name: 'tasks',
        method: 'post',
        path: '/tasks',
        summary: 'Shows what was asked for with several tasks; unknown ones are left out',
      },
      ...{ body: idsBody, query: pageQuery },
      answer: z.object({ tasks: z.array(z.object({ taskId: z.string(), task: definitionSchema })), continuationToken }),
      async handle({ context, body: { taskIds }, query }) {
        await office.authority.authorize(context, { AllOf: taskIds.map((id) => `queue:get-task:${id}`) })
        const { found, token } = await page(taskIds, query)
        return { tasks: found.map((task) => ({ taskId: task.id, task: definitionOf(task) })), ...token }
      },
    }),
    endpoint({
      ...{
        name: 'statuses',
        method: 'post',
        path: '/tasks/status',
        summary: 'Shows where several tasks stand; unknown ones are left out',
      },
      ...{ body: idsBody, query: pageQuery },
      answer: z.object({ statuses: z.array(z.object({ taskId: z.string(), status: statusSchema })), continuationToken }),
      async handle({ context, body: { taskIds }, query }) {
        await office.authority.authorize(context, { AllOf: taskIds.map((id) => `queue:status:${id}`) })
        const { found, token } = await page(taskIds, query)
        return { statuses: found.map((task) => ({ taskId: task.id, status: taskStatus(task) })), ...token }
      },
    }),
  ]
}

/** The scopes that a change of a task asks for. */
function changeScopes(verb: string, task: Task): Scopes {
  const { schedulerId, taskGroupId, projectId } = taskStatus(task)
  return { AnyOf: [`queue:${verb}-task:${schedulerId}/${taskGroupId}/${task.id}`, `queue:${verb}-task-in-project:${projectId}`] }
}

function changeEndpoints(office: Office, groups: TaskGroups): readonly Endpoint[] {
  const change = (verb: string, summary: string, apply: (task: Task) => Promise<unknown>) =>
    endpoint({
      ...{ name: `${verb}Task`, method: 'post', path: `/task/{taskId}/${verb}`, summary, answer: statusAnswer },
      async handle({ context, params: { taskId = '' } }) {
        const task = await knownTask(office, taskId)
        await office.authority.authorize(context, changeScopes(verb, task))
        checkDeadline(office, task, verb)
        await apply(task)
        return statusNow(office, taskId)
      },
    })
  return [
    endpoint({
      ...{
        name: 'createTask',
        method: 'put',
        path: '/task/{taskId}',
        summary: 'Creates a task; again with the same content is the same task',
      },
      ...{ body: definitionSchema, answer: statusAnswer },
      handle: ({ context, params: { taskId = '' }, body }) => createTask(office, groups, context, taskId, body),
    }),
    change('schedule', 'Makes a task pending that waits', (task) => office.desk.schedule([task.id])),
    change('rerun', 'Makes a resolved or waiting task pending again', (task) => rerun(office, task)),
    change('cancel', 'Cancels a task that is not resolved', (task) => office.client.cancel([task.id])),
    endpoint({
      ...{
        name: 'changeTaskPriority',
        method: 'post',
        path: '/task/{taskId}/priority',
        summary: 'Gives a task another priority',
      },
      ...{ body: priorityBody, answer: statusAnswer },
      async handle({ context, params: { taskId = '' }, body }) {
        const task = await knownTask(office, taskId)
        await office.authority.authorize(context, changeScopes('change-priority-of', task))
        await office.desk.prioritize([taskId], numberOf(body.newPriority))
        return statusNow(office, taskId)
      },
    }),
  ]
}

export const priorityBody = z.strictObject({ newPriority: z.enum(priorityNames) })

export function numberOf(priority: PriorityName): number {
  return priorityNumber(priority) ?? 1
}

/** A task that is pending or runs stays as it is. Retries are renewed as far as there may be runs. */
async function rerun({ desk }: Office, task: Task): Promise<void> {
  const runs = taskStatus(task).runs.length
  if (runs >= mostRuns) {
    throw new ContractError(
      'RequestConflict',
      `expected task ${task.id} to have fewer than ${mostRuns} runs to run again, got: ${runs}`,
    )
  }
  await desk.rerun([task.id], mostRuns)
}
