/** Queues: what there is, and their pauses. */
import { createRoute, z } from '@hono/zod-openapi'
import { checkName, taskStates } from '@lovage/core'
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
}
