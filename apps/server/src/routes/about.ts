/** About the server itself: its health, its description, its page. */
import { createRoute, z } from '@hono/zod-openapi'
import { type Endpoint, homePage } from '../home-page.ts'
import { problems } from '../problem.ts'
import { json } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const health = createRoute({
  method: 'get',
  path: '/health',
  tags: ['server'],
  summary: 'Answers whether the broker can be reached',
  responses: { 200: json(z.object({ status: z.literal('ok'), broker: z.string() }), 'It can.'), ...problems },
})

const info = {
  openapi: '3.1.0',
  info: { title: 'Lovage', version: '0.1.0', description: 'Tasks, queues, workers, schedules and events of one broker.' },
}

/** Comes last: the page lists what stands before it. */
export function aboutRoutes({ app, client }: Surroundings): void {
  app.openapi(health, async (context) => {
    // A look-up of nothing that exists: the shortest way to the store and back.
    await client.results.get(['health'])
    return context.json({ status: 'ok' as const, broker: client.name }, 200)
  })
  app.doc31('/openapi.json', info)
  const page = homePage(client.name, endpointsOf(app))
  app.get('/', (context) => {
    context.header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    )
    return context.html(page)
  })
}

function endpointsOf(app: Surroundings['app']): Endpoint[] {
  return app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route') return []
    const { method, path, summary = '' } = definition.route
    return [{ method: method.toUpperCase(), path, summary }]
  })
}
