/** Schedules: list, add, remove, pause, resume, run now. */
import { createRoute, z } from '@hono/zod-openapi'
import { placed, type ScheduleOptions } from '@lovage/client'
import { priorityNames, type Schedule, TaskError } from '@lovage/core'
import { authorize } from '../auth/access.ts'
import { problems } from '../problem.ts'
import { json, nameParam } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

const tags = ['schedules']
const missed = z.enum(['skip', 'one', 'all'])

const scheduleSchema = z
  .object({
    name: z.string(),
    cron: z.string().optional(),
    everyMs: z.number().optional(),
    zone: z.string().optional(),
    task: z.string(),
    input: z.unknown().optional(),
    args: z.array(z.unknown()).optional(),
    kwargs: z.record(z.string(), z.unknown()).optional(),
    queue: z.string().optional(),
    priority: z.enum(priorityNames).optional(),
    lostLimit: z.number().int().optional(),
    deadlineMs: z.number().int().optional(),
    missed: missed.optional(),
    paused: z.boolean(),
    nextAt: z.number().optional(),
    lastAt: z.number().optional(),
  })
  .openapi('Schedule')

const list = createRoute({
  method: 'get',
  path: '/api/schedules',
  tags,
  summary: 'Lists schedules',
  responses: { 200: json(z.object({ schedules: z.array(scheduleSchema) }), 'By name.'), ...problems },
})

const addBody = z
  .strictObject({
    name: z.string(),
    cron: z
      .string()
      .optional()
      .openapi({ description: 'Five or six fields, seconds first, or `@daily` and the like.', example: '0 3 * * *' }),
    every: z.union([z.number(), z.string()]).optional().openapi({ description: 'Either this or `cron`.', example: '30 minutes' }),
    zone: z.string().optional().openapi({ description: 'An IANA zone; default UTC.', example: 'Europe/Berlin' }),
    task: z.string(),
    input: z.unknown().optional(),
    args: z.array(z.unknown()).optional().openapi({ description: 'Positional arguments, for tasks of other languages.' }),
    kwargs: z.record(z.string(), z.unknown()).optional().openapi({ description: 'Named ones.' }),
    queue: z.string().optional(),
    priority: z.enum(priorityNames).optional(),
    lostLimit: z.number().int().min(0).optional(),
    deadline: z
      .union([z.number(), z.string()])
      .optional()
      .openapi({ description: 'After this time each task of it is pointless, counted from when it is made.', example: '15s' }),
    missed: missed.optional().openapi({ description: 'What happens to firings missed while nothing ran; default `one`.' }),
    everyMs: z.number().int().optional().openapi({ description: 'As it is listed, in place of `every`.' }),
    deadlineMs: z.number().int().optional().openapi({ description: 'As it is listed, in place of `deadline`.' }),
    nextAt: z.number().optional().openapi({ description: 'As it is listed; the time is found anew.' }),
    lastAt: z.number().optional().openapi({ description: 'As it is listed; not kept.' }),
    paused: z.boolean().optional().openapi({ description: 'It begins paused. One that is there already stays as it is.' }),
  })
  .openapi('AddSchedule')

const add = createRoute({
  method: 'post',
  path: '/api/schedules',
  tags,
  summary: 'Adds a schedule, or replaces the one of its name',
  request: { body: { ...json(addBody, 'The schedule.'), required: true } },
  responses: { 201: json(scheduleSchema, 'It is kept.'), ...problems },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/schedules/{name}',
  tags,
  summary: 'Removes a schedule',
  request: { params: nameParam },
  responses: { 204: { description: 'It is gone.' }, ...problems },
})

const pausedAnswer = json(z.object({ name: z.string(), paused: z.boolean() }), 'Done.')

const pause = createRoute({
  method: 'post',
  path: '/api/schedules/{name}/pause',
  tags,
  summary: 'Pauses a schedule',
  request: { params: nameParam },
  responses: { 200: pausedAnswer, ...problems },
})

const resume = createRoute({
  method: 'post',
  path: '/api/schedules/{name}/resume',
  tags,
  summary: 'Resumes a schedule',
  request: { params: nameParam },
  responses: { 200: pausedAnswer, ...problems },
})

const run = createRoute({
  method: 'post',
  path: '/api/schedules/{name}/run',
  tags,
  summary: 'Sends the task of a schedule now, beside its times',
  request: { params: nameParam },
  responses: { 201: json(z.object({ id: z.string() }), 'The id of the task.'), ...problems },
})

export function scheduleRoutes({ app, client, published }: Surroundings): void {
  const { schedules } = client
  app.openapi(list, async (context) => context.json({ schedules: (await schedules.list()).map(plain) }, 200))
  app.openapi(add, async (context) => {
    // Whether it has one of `cron` and `every`, the client tells.
    const options = context.req.valid('json') as ScheduleOptions
    await authorize(context, `lovage:send:${options.task as string}`)
    return context.json(plain(await schedules.add(placed(options, await published(options.task as string)))), 201)
  })
  app.openapi(remove, async (context) => {
    const { name } = context.req.valid('param')
    found(name, await schedules.remove(name))
    return context.body(null, 204)
  })
  app.openapi(pause, async (context) => {
    const { name } = context.req.valid('param')
    found(name, await schedules.pause(name))
    return context.json({ name, paused: true }, 200)
  })
  app.openapi(resume, async (context) => {
    const { name } = context.req.valid('param')
    found(name, await schedules.resume(name))
    return context.json({ name, paused: false }, 200)
  })
  app.openapi(run, async (context) => context.json({ id: await schedules.run(context.req.valid('param').name) }, 201))
}

/** The schedule without what a store may keep beside it. */
function plain(schedule: Schedule): z.infer<typeof scheduleSchema> {
  const { name, cron, everyMs, zone, task, input, args, kwargs, queue, priority, lostLimit } = schedule
  const { deadlineMs, missed: policy, paused, nextAt, lastAt } = schedule
  const sent = { task, input, args: args && [...args], kwargs, queue, priority, lostLimit, deadlineMs }
  return { name, cron, everyMs, zone, ...sent, missed: policy, paused, nextAt, lastAt }
}

function found(name: string, there: boolean): void {
  if (!there) throw new TaskError('SCHEDULE_UNKNOWN', `no schedule has the name ${JSON.stringify(name)}`, { subject: name })
}
