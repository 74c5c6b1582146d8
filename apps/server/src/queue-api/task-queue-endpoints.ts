/** Task queues: which there are, and what waits and runs in them. */
import { z } from '@hono/zod-openapi'
import { type QueueInfo, splitQueue, splitWorker, type Task, type TaskState } from '@lovage/core'
import { definitionOf, definitionSchema, queueFrom } from './definition.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { type Office, pageOf, pageQuery } from './office.ts'

const named = { taskQueueId: z.string(), provisionerId: z.string(), workerType: z.string() }
const queueSchema = z.object({
  ...named,
  stability: z.literal('stable'),
  description: z.string(),
  expires: z.string().openapi({ description: 'A queue is there as long as it has tasks or workers.' }),
  lastDateActive: z.string(),
})
const countsSchema = z.object({ ...named, pendingTasks: z.number().int(), claimedTasks: z.number().int() })
const continuationToken = z.string().optional()

export function taskQueueEndpoints(office: Office): readonly Endpoint[] {
  // Those of fixed names come first: a queue's name may come in two parts.
  return [...countEndpoints(office), ...listEndpoints(office), ...queueEndpoints(office)]
}

const nameOf = (queue: string) => ({ ...splitQueue(queue), taskQueueId: queue })

function queueEndpoints({ admin, authority, desk }: Office): readonly Endpoint[] {
  const shown = (queue: string): z.infer<typeof queueSchema> => {
    const now = desk.now()
    const times = { expires: new Date(now + 86_400_000).toJSON(), lastDateActive: new Date(now).toJSON() }
    return { ...nameOf(queue), stability: 'stable', description: '', ...times }
  }
  return [
    endpoint({
      ...{ name: 'listTaskQueues', method: 'get', path: '/task-queues', summary: 'Lists the queues', query: pageQuery },
      answer: z.object({ taskQueues: z.array(queueSchema), continuationToken }),
      async handle({ context, query }) {
        await authority.authorize(context, 'queue:list-task-queues')
        const queues = (await admin.queues()).map(({ queue }) => queue)
        const { items, token } = pageOf(queues, (queue) => queue, query)
        return { taskQueues: items.map(shown), ...token }
      },
    }),
    endpoint({
      ...{
        name: 'getTaskQueue',
        method: 'get',
        path: '/task-queues/{taskQueueId}',
        summary: 'Shows a queue',
        answer: queueSchema,
      },
      async handle({ context, params: { taskQueueId = '' } }) {
        await authority.authorize(context, `queue:get-task-queue:${queueFrom(taskQueueId)}`)
        return shown(queueFrom(taskQueueId))
      },
    }),
  ]
}

function countEndpoints({ admin, authority }: Office): readonly Endpoint[] {
  const countsOf = async (queue: string): Promise<QueueInfo['counts']> =>
    (await admin.queues(['pending', 'running'])).find((info) => info.queue === queue)?.counts ?? {}
  return [
    endpoint({
      ...{ name: 'taskQueueCounts', method: 'get', path: '/task-queues/{taskQueueId}/counts', answer: countsSchema },
      summary: 'Counts the tasks of a queue that wait for a worker, and those that have one',
      async handle({ context, params: { taskQueueId = '' } }) {
        const queue = queueFrom(taskQueueId)
        await authority.authorize(context, { AllOf: [`queue:pending-count:${queue}`, `queue:claimed-count:${queue}`] })
        const { pending = 0, running = 0 } = await countsOf(queue)
        return { ...nameOf(queue), pendingTasks: pending, claimedTasks: running }
      },
    }),
    endpoint({
      ...{ name: 'pendingTasks', method: 'get', path: '/pending/{taskQueueId}', deprecated: true },
      summary: 'Counts the tasks of a queue that wait for a worker',
      answer: countsSchema.omit({ claimedTasks: true }),
      async handle({ context, params: { taskQueueId = '' } }) {
        const queue = queueFrom(taskQueueId)
        await authority.authorize(context, `queue:pending-count:${queue}`)
        return { ...nameOf(queue), pendingTasks: (await countsOf(queue)).pending ?? 0 }
      },
    }),
  ]
}

function listEndpoints({ admin, authority }: Office): readonly Endpoint[] {
  const page = async (queue: string, state: TaskState, { limit, continuationToken: cursor }: z.infer<typeof pageQuery>) => {
    const found = await admin.find({
      queue,
      states: [state],
      order: 'oldest',
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    })
    return { found: found.tasks, token: found.cursor === undefined ? {} : { continuationToken: found.cursor } }
  }
  const task = { taskId: z.string(), runId: z.number().int(), task: definitionSchema }
  const shown = (each: Task, run: number) => ({ taskId: each.id, runId: run, task: definitionOf(each) })
  return [
    endpoint({
      ...{ name: 'listPendingTasks', method: 'get', path: '/task-queues/{taskQueueId}/pending', query: pageQuery },
      summary: 'Lists the tasks of a queue that wait for a worker, the oldest first',
      answer: z.object({ tasks: z.array(z.object({ ...task, inserted: z.string() })), continuationToken }),
      async handle({ context, params: { taskQueueId = '' }, query }) {
        const queue = queueFrom(taskQueueId)
        await authority.authorize(context, `queue:pending-list:${queue}`)
        const { found, token } = await page(queue, 'pending', query)
        const inserted = ({ runs, createdAt }: Task) => new Date(runs.at(-1)?.endedAt ?? createdAt).toJSON()
        return { tasks: found.map((each) => ({ ...shown(each, each.run + 1), inserted: inserted(each) })), ...token }
      },
    }),
    endpoint({
      ...{ name: 'listClaimedTasks', method: 'get', path: '/task-queues/{taskQueueId}/claimed', query: pageQuery },
      summary: 'Lists the tasks of a queue that a worker has',
      answer: z.object({
        tasks: z.array(z.object({ ...task, claimed: z.string(), workerGroup: z.string(), workerId: z.string() })),
        continuationToken,
      }),
      async handle({ context, params: { taskQueueId = '' }, query }) {
        const queue = queueFrom(taskQueueId)
        await authority.authorize(context, `queue:claimed-list:${queue}`)
        const { found, token } = await page(queue, 'running', query)
        const claimed = ({ startedAt, createdAt }: Task) => new Date(startedAt ?? createdAt).toJSON()
        const tasks = found.map((each) => ({
          ...shown(each, each.run),
          claimed: claimed(each),
          ...splitWorker(each.worker ?? ''),
        }))
        return { tasks, ...token }
      },
    }),
  ]
}
