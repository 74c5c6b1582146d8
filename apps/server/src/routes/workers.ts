/** Workers: who is alive, and the pauses of those that connect out to a server. */
import { createRoute, z } from '@hono/zod-openapi'
import { type PausedWorker, socketWorkerId, workerPauses } from '@lovage/broker-socketio'
import { ConfigError, checkName, priorityName, priorityNames } from '@lovage/core'
import { problems } from '../problem.ts'
import { json } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const tags = ['workers']
const pauseSchema = z
  .object({ until: z.number(), reason: z.string(), count: z.number().int() })
  .openapi('Pause', { description: 'It gets no tasks until then; `count`: how often, since it was last well.' })

const workerSchema = z
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
    id: z.string().optional().openapi({ description: 'Of a worker over socket.io: the one that it gave itself.' }),
    paused: pauseSchema.optional(),
  })
  .openapi('Worker')

const list = createRoute({
  method: 'get',
  path: '/api/workers',
  tags,
  summary: 'Lists the workers that are, or believe themselves, alive',
  responses: { 200: json(z.object({ workers: z.array(workerSchema) }), 'The workers.'), ...problems },
})

const id = z.object({
  id: z
    .string()
    .min(1)
    .openapi({
      param: { name: 'id', in: 'path' },
      description: 'The id of a worker over socket.io, or its name as it is listed.',
      example: 'questioner',
    }),
})

const pause = createRoute({
  method: 'post',
  path: '/api/workers/{id}/pause',
  tags,
  summary: 'Pauses a worker over socket.io: it gets no tasks, what it runs goes on',
  request: {
    params: id,
    body: json(
      z.strictObject({
        duration: z.union([z.number(), z.string()]).optional().openapi({ description: 'Default 15 minutes.', example: '1 hour' }),
        reason: z.string().optional().openapi({ description: 'The worker is told of it.' }),
      }),
      'How long, and why.',
    ),
  },
  responses: {
    200: json(z.object({ worker: z.string(), paused: pauseSchema }), 'It is paused, wherever it connects.'),
    ...problems,
  },
})

const resume = createRoute({
  method: 'post',
  path: '/api/workers/{id}/resume',
  tags,
  summary: 'Ends the pause of a worker over socket.io, also one that it earned with a rejection',
  request: { params: id },
  responses: { 200: json(z.object({ worker: z.string(), paused: z.literal(false) }), 'It gets tasks.'), ...problems },
})

export function workerRoutes({ app, client }: Surroundings): void {
  app.openapi(list, async (context) => {
    const alive = await client.workers()
    const paused = new Map(client.desk === undefined ? [] : (await workerPauses(client).list()).map((one) => [one.id, one]))
    const all = alive.map((info) => {
      const { keeper: _, graceMs: __, ...worker } = info
      const workerId = socketWorkerId(info)
      const pausedNow = workerId === undefined ? undefined : paused.get(workerId)
      return {
        ...worker,
        queues: [...worker.queues],
        tasks: worker.tasks.map(({ priority, ...task }) => ({
          ...task,
          ...(priority === undefined ? {} : { priority: priorityName(priority) }),
        })),
        ...(workerId === undefined ? {} : { id: workerId }),
        ...(pausedNow === undefined ? {} : { paused: shown(pausedNow) }),
      }
    })
    return context.json({ workers: all }, 200)
  })
  app.openapi(pause, async (context) => {
    const worker = await socketWorker(client, context.req.valid('param').id)
    // Without a body there is nothing to read.
    const options = context.req.valid('json') ?? {}
    return context.json({ worker, paused: shown(await workerPauses(client).pause(worker, options)) }, 200)
  })
  app.openapi(resume, async (context) => {
    const worker = await socketWorker(client, context.req.valid('param').id)
    await workerPauses(client).resume(worker)
    return context.json({ worker, paused: false as const }, 200)
  })
}

/** The id of a worker that may not be connected now. @throws {ConfigError} REQUEST_INVALID for a worker of another kind */
async function socketWorker(client: Surroundings['client'], given: string): Promise<string> {
  const listed = (await client.workers()).find(({ name }) => name === given)
  if (listed === undefined) return checkName(given, 'worker')
  const known = socketWorkerId(listed)
  if (known !== undefined) return known
  const message = `expected a worker that a gateway gives its tasks to, got: ${given}, one that takes them itself; POST /api/control/pause or resume with {"destination":["${given}"]} is for it`
  throw new ConfigError('REQUEST_INVALID', message)
}

function shown({ until, reason, count }: PausedWorker): z.infer<typeof pauseSchema> {
  return { until: until.getTime(), reason, count }
}
