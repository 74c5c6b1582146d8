/** Remote control over HTTP: commands to workers, and their replies. */
import { createRoute, z } from '@hono/zod-openapi'
import { ConfigError, type ControlReply, controlMethods, inspectMethods } from '@lovage/core'
import { problems } from '../problem.ts'
import { json, listOf, listQuery } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const tags = ['workers']
const longestWaitMs = 60_000
const timeoutMs = z.coerce
  .number({ error: 'expected milliseconds as a plain number such as 1000' })
  .int()
  .min(1)
  .max(longestWaitMs)
  .optional()
const limit = z.coerce.number({ error: 'expected a whole number' }).int().min(1).optional()
const repliesSchema = z.object({
  replies: z.array(
    z
      .object({ worker: z.string(), ok: z.boolean(), value: z.unknown().optional(), error: z.string().optional() })
      .openapi('Reply'),
  ),
})

const inspect = createRoute({
  method: 'get',
  path: '/api/inspect/{method}',
  tags,
  summary: `Asks workers: ${inspectMethods.join(', ')}`,
  request: {
    params: z.object({ method: z.string().openapi({ param: { name: 'method', in: 'path' }, example: 'active' }) }),
    query: z.object({
      destination: listQuery.openapi({ description: 'Exactly these workers; repeated or with commas.' }),
      pattern: z.string().optional().openapi({ description: 'A glob on names of workers.' }),
      timeoutMs: timeoutMs.openapi({ description: 'How long to wait for replies. Default 1000.' }),
      limit,
      args: z.string().optional().openapi({ description: 'A JSON object, for example `{"ids":["invoice-7"]}`.' }),
    }),
  },
  responses: { 200: json(repliesSchema, 'The replies that came in time.'), ...problems },
})

const control = createRoute({
  method: 'post',
  path: '/api/control/{method}',
  tags,
  summary: `Changes workers: ${controlMethods.join(', ')}, and what users added`,
  request: {
    params: z.object({ method: z.string().openapi({ param: { name: 'method', in: 'path' }, example: 'pool_grow' }) }),
    body: json(
      z.strictObject({
        args: z.record(z.string(), z.unknown()).optional(),
        destination: z.array(z.string()).optional(),
        pattern: z.string().optional(),
        timeoutMs,
        limit,
      }),
      'Arguments and addressees.',
    ),
  },
  responses: { 200: json(repliesSchema, 'The replies that came in time.'), ...problems },
})

export function remoteControlRoutes({ app, client }: Surroundings): void {
  app.openapi(inspect, async (context) => {
    const { args, destination, ...options } = context.req.valid('query')
    const addressed = { ...options, destination: listOf(destination) }
    const replies = await client.inspect(context.req.valid('param').method, argsOf(args), addressed)
    return context.json({ replies: replies.map(plain) }, 200)
  })
  app.openapi(control, async (context) => {
    const { args = {}, ...options } = context.req.valid('json')
    const replies = await client.controlWorkers(context.req.valid('param').method, args, options)
    return context.json({ replies: replies.map(plain) }, 200)
  })
}

function plain(reply: ControlReply): z.infer<typeof repliesSchema>['replies'][number] {
  return reply.ok
    ? { worker: reply.worker, ok: true, value: reply.value }
    : { worker: reply.worker, ok: false, error: reply.error }
}

function argsOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError('REQUEST_INVALID', `expected \`args\` to be a JSON object, got: ${text}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ConfigError('REQUEST_INVALID', `expected \`args\` to be a JSON object, got: ${text}`)
}
