/** About the server itself: its health, its description, its page. */
import { createRoute, z } from '@hono/zod-openapi'
import { shownScope } from '../auth/native-access.ts'
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

/** A server without clients asks for neither. */
const security: Record<string, string[]>[] = [{ bearer: [] }, { hawk: [] }, {}]

const info = {
  openapi: '3.1.0',
  security,
  info: { title: 'Lovage', version: '0.1.0', description: 'Tasks, queues, workers, schedules and events of one broker.' },
}

/** Comes last: the page lists what stands before it. */
export function aboutRoutes({ app, client }: Surroundings): void {
  app.openapi(health, async (context) => {
    // A look-up of nothing that exists: the shortest way to the store and back.
    await client.results.get(['health'])
    return context.json({ status: 'ok' as const, broker: client.name }, 200)
  })
  const schemes = app.openAPIRegistry
  schemes.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' })
  schemes.registerComponent('securitySchemes', 'hawk', { type: 'http', scheme: 'hawk' })
  app.get('/openapi.json', (context) => context.json(withScopes(app.getOpenAPI31Document(info))))
  const page = homePage(client.name, endpointsOf(app))
  app.get('/', (context) => {
    context.header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    )
    return context.html(page)
  })
}

type Document = ReturnType<Surroundings['app']['getOpenAPI31Document']>

/** The document, where each address of the server's own says which scope it asks for. */
function withScopes(document: Document): Document {
  for (const [path, operations] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations)) {
      const scope = shownScope(method.toUpperCase(), path)
      if (scope !== undefined) operation.description = `Asks for the scope \`${scope}\` where clients are known.`
    }
  }
  return document
}

function endpointsOf(app: Surroundings['app']): Endpoint[] {
  return app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route') return []
    const { method, path, summary = '' } = definition.route
    return [{ method: method.toUpperCase(), path, summary }]
  })
}
