/** The event bus over HTTP. */
import { createRoute, z } from '@hono/zod-openapi'
import { eventStream } from '../event-stream.ts'
import { problems } from '../problem.ts'
import { listOf, listQuery } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const events = createRoute({
  method: 'get',
  path: '/api/events',
  tags: ['events'],
  summary: 'Streams events as they happen',
  request: {
    query: z.object({
      types: listQuery.openapi({ description: 'Globs on types, such as `task-*`; repeated or with commas. Default all.' }),
    }),
  },
  responses: {
    200: {
      description: 'Server-sent events: one message for each event, `dropped` with a count for a reader that fell behind.',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problems,
  },
})

export function eventRoutes({ app, client, closing, heartbeatMs }: Surroundings): void {
  app.openapi(events, async (context) => {
    const patterns = listOf(context.req.valid('query').types) ?? ['*']
    const until = AbortSignal.any([context.req.raw.signal, closing])
    const body = await eventStream({ client, patterns, heartbeatMs, until })
    return context.body(body, 200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // nginx holds responses back unless it is told not to.
      'x-accel-buffering': 'no',
    })
  })
}
