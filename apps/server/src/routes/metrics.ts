/** Metrics: what Prometheus scrapes and autoscalers ask. */
import { createRoute, z } from '@hono/zod-openapi'
import { checkName } from '@lovage/core'
import { exposition, expositionType } from '../metrics/exposition.ts'
import { queueLoads } from '../metrics/queue-load.ts'
import { readMetrics } from '../metrics/read-metrics.ts'
import { problems } from '../problem.ts'
import { json, listOf, listQuery, nameParam } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['metrics'],
  summary: 'Tells Prometheus about queues and worker pools',
  request: {
    query: z.object({
      queue: listQuery.openapi({ description: 'Queues to tell about even when they have no tasks; repeated or with commas.' }),
    }),
  },
  responses: {
    200: { description: 'Gauges in the text format of Prometheus.', content: { 'text/plain': { schema: z.string() } } },
    ...problems,
  },
})

const count = z.number().int()
const load = createRoute({
  method: 'get',
  path: '/api/queues/{name}/load',
  tags: ['metrics'],
  summary: 'Answers what a queue has to do, for autoscalers',
  request: { params: nameParam },
  responses: {
    200: json(
      z
        .object({
          queue: z.string(),
          paused: z.boolean(),
          pending: count,
          running: count,
          scheduled: count,
          blocked: count,
          load: count.openapi({ description: 'Tasks that need a worker now: running, and pending unless the queue is paused.' }),
          oldestPendingSeconds: z.number().openapi({ description: '0 when none waits.' }),
          workers: count.openapi({ description: 'Workers that take tasks from it.' }),
        })
        .openapi('QueueLoad'),
      'Its load; none for a queue that has no tasks yet.',
    ),
    ...problems,
  },
})

export function metricsRoutes({ app, client }: Surroundings): void {
  app.openapi(metrics, async (context) => {
    const named = (listOf(context.req.valid('query').queue) ?? []).map((queue) => checkName(queue, 'queue'))
    const text = exposition(await readMetrics(client, named, Date.now()))
    return context.text(text, 200, { 'content-type': expositionType, 'cache-control': 'no-store' })
  })
  app.openapi(load, async (context) => {
    const queue = checkName(context.req.valid('param').name, 'queue')
    const loads = await queueLoads(client, [queue], Date.now())
    const found = loads.find((one) => one.queue === queue)
    context.header('cache-control', 'no-store')
    return context.json({ ...(found as (typeof loads)[number]) }, 200)
  })
}
