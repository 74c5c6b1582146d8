/** The service itself: whether it is there, and what it is. */
import { z } from '@hono/zod-openapi'
import { type Endpoint, endpoint } from './endpoint.ts'
import type { Office } from './office.ts'

/** Open to everybody: a load balancer has no credentials. */
export function serviceEndpoints({ client }: Pick<Office, 'client'>): readonly Endpoint[] {
  const alive = z.object({ alive: z.literal(true), uptime: z.number() })
  return [
    endpoint({
      ...{ name: 'ping', method: 'get', path: '/ping', summary: 'Answers', answer: alive },
      handle: async () => ({ alive: true, uptime: process.uptime() }),
    }),
    endpoint({
      ...{ name: 'lbheartbeat', method: 'get', path: '/__lbheartbeat__', summary: 'Answers as long as the server runs' },
      handle: async () => ({}),
    }),
    endpoint({
      ...{ name: 'heartbeat', method: 'get', path: '/__heartbeat__', summary: 'Answers as long as the store can be reached' },
      async handle() {
        await client.results.get(['heartbeat'])
        return {}
      },
    }),
    endpoint({
      ...{ name: 'version', method: 'get', path: '/__version__', summary: 'Says what runs here' },
      answer: z.object({ version: z.string(), source: z.string(), commit: z.string(), build: z.string() }),
      handle: async () => ({ version: '0.1.0', source: 'lovage', commit: 'NONE', build: 'NONE' }),
    }),
  ]
}
