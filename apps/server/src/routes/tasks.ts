/** Tasks: list, look at, send, cancel, retry. */
import { createRoute, z } from '@hono/zod-openapi'
import { sendByName } from '@lovage/client'
import { ConfigError, priorityNames, type SendOptions, TaskError, type TaskState, taskStates } from '@lovage/core'
import { authorize } from '../auth/access.ts'
import { problems } from '../problem.ts'
import { summarySchema, taskJson, taskSchema, taskSummary } from '../task-json.ts'
import { idParam, json, listOf, listQuery } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const tags = ['tasks']
const duration = z
  .union([z.number(), z.string()])
  .openapi({ description: 'Milliseconds, or a text such as `10s` or `7 days`.', example: '10s' })

const list = createRoute({
  method: 'get',
  path: '/api/tasks',
  tags,
  summary: 'Lists tasks, the newest first',
  request: {
    query: z.object({
      state: listQuery.openapi({ description: `One or more of ${taskStates.join(', ')}; repeated or with commas.` }),
      queue: z.string().optional(),
      name: z.string().optional(),
      key: z.string().optional(),
      order: z.enum(['newest', 'oldest']).optional(),
      limit: z.coerce
        .number({ error: 'expected a whole number' })
        .int()
        .min(1)
        .max(1000)
        .optional()
        .openapi({ description: 'Default 100.' }),
      cursor: z.string().optional().openapi({ description: 'From the answer before.' }),
    }),
  },
  responses: { 200: json(z.object({ tasks: z.array(summarySchema), cursor: z.string().optional() }), 'A page.'), ...problems },
})

const show = createRoute({
  method: 'get',
  path: '/api/tasks/{id}',
  tags,
  summary: 'Shows a task with its runs',
  request: { params: idParam },
  responses: { 200: json(taskSchema, 'The task.'), ...problems },
})

const logs = createRoute({
  method: 'get',
  path: '/api/tasks/{id}/logs',
  tags,
  summary: 'Shows the log lines of a task, the oldest first',
  request: { params: idParam },
  responses: {
    200: json(
      z.object({
        lines: z.array(
          z.object({
            run: z.number().int(),
            at: z.number(),
            level: z.enum(['debug', 'info', 'warn', 'error']),
            text: z.string(),
          }),
        ),
      }),
      'The lines.',
    ),
    ...problems,
  },
})

const explain = createRoute({
  method: 'get',
  path: '/api/tasks/{id}/explain',
  tags,
  summary: 'Says why a task is where it is',
  request: { params: idParam },
  responses: {
    200: json(z.object({ id: z.string(), state: z.string(), reasons: z.array(z.string()) }), 'The decisive reason first.'),
    ...problems,
  },
})

const sendBody = z
  .strictObject({
    name: z.string(),
    input: z.unknown().optional(),
    args: z.array(z.unknown()).optional(),
    kwargs: z.record(z.string(), z.unknown()).optional(),
    headers: z.record(z.string(), z.unknown()).optional(),
    id: z
      .string()
      .optional()
      .openapi({ description: 'Makes sending idempotent: the same id with the same content is one task.' }),
    queue: z
      .string()
      .optional()
      .openapi({ description: 'Default: what a live worker that has the task publishes, else `default`.' }),
    delay: duration.optional(),
    at: z.union([z.number(), z.string()]).optional().openapi({ description: 'Epoch milliseconds or an ISO time with its zone.' }),
    deadline: z.union([z.number(), z.string()]).optional().openapi({ description: 'A duration from now or an ISO time.' }),
    priority: z.enum(priorityNames).optional().openapi({ description: 'Default: like that of the queue, else `medium`.' }),
    key: z
      .string()
      .optional()
      .openapi({ description: 'The key of a definition is made from the input by the definition alone: not here.' }),
    keyPolicy: z.enum(['existing', 'reject', 'replace']).optional(),
    keyFor: duration.optional(),
    dependencies: z.array(z.string()).optional(),
    requires: z.enum(['all-completed', 'all-resolved']).optional(),
    onDependencyFailure: z.enum(['resolve', 'wait']).optional(),
    bind: z.union([z.enum(['one', 'all']), z.strictObject({ first: z.number().int().positive() })]).optional(),
    retryLimit: z.number().int().min(0).optional(),
    lostLimit: z
      .number()
      .int()
      .min(0)
      .optional()
      .openapi({ description: 'Default: what a live worker that has the task publishes, else 5.' }),
    timeout: duration.optional(),
    parent: z.string().optional(),
    flow: z.string().optional(),
  })
  .openapi('SendTask')

const receipt = z
  .object({
    id: z.string(),
    status: z.enum(['sent', 'existing']),
    note: z.string().optional().openapi({ description: 'What the sender should know, for a person.' }),
  })
  .openapi('Receipt')

const send = createRoute({
  method: 'post',
  path: '/api/tasks',
  tags,
  summary: 'Sends a task',
  request: { body: { ...json(sendBody, 'The request.'), required: true } },
  responses: { 200: json(receipt, 'It was there already.'), 201: json(receipt, 'It is safe with the broker.'), ...problems },
})

const cancel = createRoute({
  method: 'post',
  path: '/api/tasks/{id}/cancel',
  tags,
  summary: 'Cancels a task, and aborts it where it runs',
  request: { params: idParam, body: json(z.strictObject({ reason: z.string().max(1000).optional() }), 'Why.') },
  responses: { 200: json(z.object({ id: z.string(), cancelled: z.literal(true) }), 'Done.'), ...problems },
})

const retry = createRoute({
  method: 'post',
  path: '/api/tasks/{id}/retry',
  tags,
  summary: 'Makes a resolved, scheduled or blocked task pending again, its budgets renewed',
  request: { params: idParam },
  responses: { 200: json(z.object({ id: z.string(), retried: z.literal(true) }), 'Done.'), ...problems },
})

export function taskRoutes({ app, client, published }: Surroundings): void {
  app.openapi(list, async (context) => {
    const { state, ...query } = context.req.valid('query')
    const states = statesOf(listOf(state))
    const page = await client.find({ ...query, ...(states === undefined ? {} : { states }) })
    return context.json({ tasks: page.tasks.map(taskSummary), cursor: page.cursor }, 200)
  })
  app.openapi(show, async (context) => {
    const { id } = context.req.valid('param')
    const [task] = await client.get([id])
    if (task === undefined) throw unknownTask(id)
    return context.json(taskJson(task), 200)
  })
  app.openapi(logs, async (context) => {
    const { id } = context.req.valid('param')
    const lines = await client.logs(id)
    if (lines.length === 0) await refuseUnknown(client, id)
    return context.json({ lines: [...lines] }, 200)
  })
  app.openapi(explain, async (context) => {
    const { id, state, reasons } = await client.explain(context.req.valid('param').id)
    if (state === 'unknown') throw unknownTask(id)
    return context.json({ id, state, reasons: [...reasons] }, 200)
  })
  app.openapi(send, async (context) => {
    const { name, input, ...options } = context.req.valid('json')
    await authorize(context, `lovage:send:${name}`)
    const byName = await completed({ client, published }, name, options)
    const { id, status } = await client.send(name, input, byName.options)
    const note = byName.lacksKey ? { note: keyMissing(name) } : {}
    return context.json({ id, status, ...note }, status === 'sent' ? 201 : 200)
  })
  app.openapi(cancel, async (context) => {
    const { id } = context.req.valid('param')
    const [done] = await client.cancel([id], context.req.valid('json').reason)
    if (done !== true) await refuse(client, id, 'cancelled')
    return context.json({ id, cancelled: true as const }, 200)
  })
  app.openapi(retry, async (context) => {
    const { id } = context.req.valid('param')
    const [done] = await client.retry([id])
    if (done !== true) await refuse(client, id, 'retried')
    return context.json({ id, retried: true as const }, 200)
  })
}

/** A request has no definition: its queue, priority and limit of lost workers come from a live worker that has it. */
async function completed({ client, published }: Pick<Surroundings, 'client' | 'published'>, name: string, options: SendOptions) {
  if (client.admin === undefined) return { options, lacksKey: false }
  return sendByName(client.admin, await published(name), options)
}

function keyMissing(name: string): string {
  return `sent without a key: only the definition of ${name} can make it from the input; give \`key\` to have one`
}

function statesOf(names: readonly string[] | undefined): TaskState[] | undefined {
  if (names === undefined || names.length === 0) return undefined
  const wrong = names.find((name) => !(taskStates as readonly string[]).includes(name))
  if (wrong === undefined) return names as TaskState[]
  throw new ConfigError('REQUEST_INVALID', `expected \`state\` to be one or more of ${taskStates.join(', ')}, got: ${wrong}`)
}

async function refuse(client: Surroundings['client'], id: string, verb: string): Promise<never> {
  const state = await refuseUnknown(client, id)
  throw new TaskError('TRANSITION_REFUSED', `task ${id} is ${state} and cannot be ${verb}`, { subject: id })
}

async function refuseUnknown(client: Surroundings['client'], id: string): Promise<string> {
  const { state } = await client.task(id).state()
  if (state === 'unknown') throw unknownTask(id)
  return state
}

function unknownTask(id: string): TaskError {
  return new TaskError('TASK_UNKNOWN', `no task has the id ${JSON.stringify(id)}`, { subject: id })
}
