/** Queues and workers: what there is, and the pause of a queue. */
import { createRoute, z } from '@hono/zod-openapi'
import { checkName, priorityName, priorityNames, taskStates } from '@lovage/core'
import { problems } from '../problem.ts'
import { json, nameParam } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const counts = z.object(Object.fromEntries(taskStates.map((state) => [state, z.number().int().optional()])))

const queues = createRoute({
  method: 'get',
  path: '/api/queues',
  tags: ['queues'],
  summary: 'Lists queues with their counts by state',
  responses: {
    200: json(
      z.object({
        queues: z.array(
          z.object({ queue: z.string(), paused: z.boolean(), counts, oldestPendingAt: z.number().optional() }).openapi('Queue'),
        ),
      }),
      'All queues that have tasks or are paused.',
    ),
    ...problems,
  },
})

const pauseAnswer = json(z.object({ queue: z.string(), paused: z.boolean() }), 'Done.')

const pause = createRoute({
  method: 'post',
  path: '/api/queues/{name}/pause',
  tags: ['queues'],
  summary: 'Pauses a queue: its tasks wait, what runs goes on',
  request: { params: nameParam },
  responses: { 200: pauseAnswer, ...problems },
})

const resume = createRoute({
  method: 'post',
  path: '/api/queues/{name}/resume',
  tags: ['queues'],
  summary: 'Resumes a queue',
  request: { params: nameParam },
  responses: { 200: pauseAnswer, ...problems },
})

const workers = createRoute({
  method: 'get',
  path: '/api/workers',
  tags: ['workers'],
  summary: 'Lists the workers that are, or believe themselves, alive',
  responses: {
    200: json(
      z.object({
        workers: z.array(
          z
            .object({
              name: z.string(),
              holder: z.string(),
              host: z.string(),
              pid: z.number().int().optional(),
              startedAt: z.number(),
              queues: z.array(z.string()),
              tasks: z.array(
                z.object({
                  name: z.string(),
                  schema: z.unknown().optional(),
                  queue: z.string().optional(),
                  priority: z.enum(priorityNames).optional(),
                  keyed: z.boolean().optional().openapi({ description: 'Its definition makes a key from the input.' }),
                  retryLimit: z.number().int().optional(),
                  lostLimit: z.number().int().optional(),
                }),
              ),
              everyTask: z.boolean().optional().openapi({ description: 'It takes tasks of every name and hands them on.' }),
            })
            .openapi('Worker'),
        ),
      }),
      'The workers.',
    ),
    ...problems,
  },
})

export function queueRoutes({ app, client }: Surroundings): void {
  app.openapi(queues, async (context) => context.json({ queues: [...(await client.queues())] }, 200))
  app.openapi(pause, async (context) => {
    const queue = checkName(context.req.valid('param').name, 'queue')
    await client.pauseQueue(queue)
    return context.json({ queue, paused: true }, 200)
  })
  app.openapi(resume, async (context) => {
    const queue = checkName(context.req.valid('param').name, 'queue')
    await client.resumeQueue(queue)
    return context.json({ queue, paused: false }, 200)
  })
  app.openapi(workers, async (context) => {
    const alive = await client.workers()
    const all = alive.map((worker) => ({
      ...worker,
      queues: [...worker.queues],
      tasks: worker.tasks.map(({ priority, ...task }) => ({
        ...task,
        ...(priority === undefined ? {} : { priority: priorityName(priority) }),
      })),
    }))
    return context.json({ workers: all }, 200)
  })
}
