/** Results: the state of a task, at once or by long poll. */
import { createRoute, z } from '@hono/zod-openapi'
import { isResolved, LovageError, TaskError, taskStates } from '@lovage/core'
import { problems } from '../problem.ts'
import { failureSchema } from '../task-json.ts'
import { idParam, json } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const longestWaitSeconds = 60

const resultSchema = z
  .object({
    id: z.string(),
    state: z.enum(taskStates),
    name: z.string().optional(),
    reason: z.string().optional(),
    result: z.unknown().optional(),
    failure: failureSchema.optional(),
    progress: z.unknown().optional(),
    resolvedAt: z.number().optional(),
  })
  .openapi('Result')

const result = createRoute({
  method: 'get',
  path: '/api/tasks/{id}/result',
  tags: ['tasks'],
  summary: 'Answers the result of a task, and waits for it when asked to',
  request: {
    params: idParam,
    query: z.object({
      wait: z.coerce
        .number({ error: 'expected seconds as a plain number such as 30' })
        .min(0)
        .max(longestWaitSeconds)
        .optional()
        .openapi({ description: `Seconds to wait for a task that is not resolved; at most ${longestWaitSeconds}. Default 0.` }),
    }),
  },
  responses: {
    200: json(resultSchema, 'It is resolved: completed, failed or exception.'),
    202: json(resultSchema, 'It is not resolved yet. Ask again.'),
    ...problems,
  },
})

export function resultRoutes({ app, client, closing }: Surroundings): void {
  app.openapi(result, async (context) => {
    const { id } = context.req.valid('param')
    const { wait = 0 } = context.req.valid('query')
    if (wait > 0) await resolvedOrGone(client, id, wait * 1000, AbortSignal.any([context.req.raw.signal, closing]))
    const task = await client.task(id).state()
    const { state } = task
    if (state === 'unknown') throw new TaskError('TASK_UNKNOWN', `no task has the id ${JSON.stringify(id)}`, { subject: id })
    return context.json({ ...task, state }, isResolved(state) ? 200 : 202)
  })
}

/** Waits for the task, the time, or the end of whoever asked: what comes first. */
async function resolvedOrGone(client: Surroundings['client'], id: string, timeoutMs: number, gone: AbortSignal): Promise<void> {
  try {
    await client.results.wait(id, { timeoutMs, signal: gone })
  } catch (error) {
    if (!gone.aborted && !LovageError.is(error, 'WAIT_TIMEOUT')) throw error
  }
}
