/** Task groups over HTTP: look at, seal, cancel, hurry. */
import { z } from '@hono/zod-openapi'
import { isResolved, type Task, taskStatus } from '@lovage/core'
import type { Context } from 'hono'
import { ContractError } from './contract-error.ts'
import { definitionOf, definitionSchema } from './definition.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { type Office, pageOf, pageQuery, statusSchema } from './office.ts'
import { numberOf, priorityBody } from './task-endpoints.ts'
import type { TaskGroup, TaskGroups } from './task-groups.ts'

const groupSchema = z.object({
  taskGroupId: z.string(),
  schedulerId: z.string(),
  expires: z.string(),
  sealed: z.string().optional().openapi({ description: 'When it was sealed: no task joins it any more.' }),
})

/** So many tasks are changed at once. */
const batchSize = 200

export function groupEndpoints(office: Office, groups: TaskGroups): readonly Endpoint[] {
  return [...readEndpoints(office, groups), ...changeEndpoints(office, groups)]
}

function readEndpoints({ authority }: Office, groups: TaskGroups): readonly Endpoint[] {
  return [
    endpoint({
      ...{ name: 'listTaskGroup', method: 'get', path: '/task-group/{taskGroupId}/list', summary: 'Lists the tasks of a group' },
      query: pageQuery,
      answer: groupSchema.extend({
        tasks: z.array(z.object({ status: statusSchema, task: definitionSchema })),
        continuationToken: z.string().optional(),
      }),
      async handle({ context, params: { taskGroupId = '' }, query }) {
        await authority.authorize(context, `queue:list-task-group:${taskGroupId}`)
        const group = await groups.get(taskGroupId)
        const { items, token } = pageOf(await groups.members(taskGroupId), (id) => (id === taskGroupId ? '' : id), query)
        const tasks = await groups.tasksOf(group, items)
        return { ...group, tasks: tasks.map((task) => ({ status: taskStatus(task), task: definitionOf(task) })), ...token }
      },
    }),
    endpoint({
      ...{
        name: 'getTaskGroup',
        method: 'get',
        path: '/task-group/{taskGroupId}',
        summary: 'Shows a group',
        answer: groupSchema,
      },
      async handle({ context, params: { taskGroupId = '' } }) {
        await authority.authorize(context, `queue:list-task-group:${taskGroupId}`)
        return groups.get(taskGroupId)
      },
    }),
  ]
}

function changeEndpoints(office: Office, groups: TaskGroups): readonly Endpoint[] {
  /** The group, for whoever may do this with it. */
  const groupFor = async (context: Context, verb: string, taskGroupId: string): Promise<TaskGroup> => {
    const group = await groups.get(taskGroupId)
    await office.authority.authorize(context, `queue:${verb}-task-group:${group.schedulerId}/${taskGroupId}`)
    return group
  }
  return [
    endpoint({
      ...{ name: 'sealTaskGroup', method: 'post', path: '/task-group/{taskGroupId}/seal', answer: groupSchema },
      summary: 'Seals a group: no task joins it any more',
      async handle({ context, params: { taskGroupId = '' } }) {
        await groupFor(context, 'seal', taskGroupId)
        return groups.seal(taskGroupId)
      },
    }),
    endpoint({
      ...{ name: 'cancelTaskGroup', method: 'post', path: '/task-group/{taskGroupId}/cancel' },
      summary: 'Cancels all tasks of a sealed group that are not resolved',
      answer: z.object({
        taskGroupId: z.string(),
        taskGroupSize: z.number().int(),
        cancelledCount: z.number().int(),
        taskIds: z.array(z.string()),
      }),
      async handle({ context, params: { taskGroupId = '' } }) {
        const group = await groupFor(context, 'cancel', taskGroupId)
        if (group.sealed === undefined) {
          throw new ContractError(
            'RequestConflict',
            `expected task group ${taskGroupId} to be sealed before it is cancelled; seal it first`,
          )
        }
        const { size, changed } = await forEachOpen(groups, group, (ids) => office.client.cancel(ids))
        return { taskGroupId, taskGroupSize: size, cancelledCount: changed.length, taskIds: changed }
      },
    }),
    endpoint({
      ...{ name: 'changeTaskGroupPriority', method: 'post', path: '/task-group/{taskGroupId}/priority' },
      summary: 'Gives all tasks of a group that are not resolved another priority',
      body: priorityBody,
      answer: z.object({
        taskGroupId: z.string(),
        taskGroupSize: z.number().int(),
        tasksAffected: z.number().int(),
        taskIds: z.array(z.string()),
      }),
      async handle({ context, params: { taskGroupId = '' }, body }) {
        const group = await groupFor(context, 'change-priority-of', taskGroupId)
        const { size, changed } = await forEachOpen(groups, group, (ids) =>
          office.desk.prioritize(ids, numberOf(body.newPriority)),
        )
        return { taskGroupId, taskGroupSize: size, tasksAffected: changed.length, taskIds: changed }
      },
    }),
  ]
}

/** Changes the tasks of a group that are not resolved; answers how many tasks it has, and which were changed. */
async function forEachOpen(
  groups: TaskGroups,
  group: TaskGroup,
  change: (ids: readonly string[]) => Promise<readonly boolean[]>,
): Promise<{ readonly size: number; readonly changed: readonly string[] }> {
  const members = await groups.members(group.taskGroupId)
  const changed: string[] = []
  let size = 0
  for (let start = 0; start < members.length; start += batchSize) {
    const tasks = await groups.tasksOf(group, members.slice(start, start + batchSize))
    size += tasks.length
    const ids = tasks.filter((task: Task) => !isResolved(task.state)).map(({ id }) => id)
    const done = ids.length === 0 ? [] : await change(ids)
    changed.push(...ids.filter((_, index) => done[index] === true))
  }
  return { size, changed }
}
