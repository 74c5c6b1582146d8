/** Workers: who was seen, who gets no work for a while, and who is known to have crashed. */
import { z } from '@hono/zod-openapi'
import { splitQueue } from '@lovage/core'
import { ContractError } from './contract-error.ts'
import { queueFrom } from './definition.ts'
import { type Call, type Endpoint, endpoint } from './endpoint.ts'
import { type Office, pageOf, pageQuery } from './office.ts'
import { httpHolder, type WorkerBook, type WorkerEntry } from './worker-book.ts'

const date = z.iso.datetime({ offset: true, error: 'expected a date such as 2027-01-31T09:00:00.000Z' })
const recentTask = z.object({ taskId: z.string(), runId: z.number().int() })
const quarantineUntil = z.string().optional()
const workerSchema = z.object({
  provisionerId: z.string(),
  workerType: z.string(),
  workerGroup: z.string(),
  workerId: z.string(),
  firstClaim: z.string(),
  lastDateActive: z.string(),
  expires: z.string(),
  recentTasks: z.array(recentTask),
  quarantineUntil,
  quarantineDetails: z.array(
    z.object({ updatedAt: z.string(), clientId: z.string(), quarantineUntil: z.string(), quarantineInfo: z.string() }),
  ),
  actions: z.array(z.unknown()),
})

export function workerEndpoints(office: Office, book: WorkerBook): readonly Endpoint[] {
  return [...seenEndpoints(office, book), ...stewardEndpoints(office, book), crashedEndpoint(office)]
}

const queuePath = '/provisioners/{provisionerId}/worker-types/{workerType}'
const workerPath = '/{workerGroup}/{workerId}'

/** Whom the path of a request names. */
function named({ params }: Pick<Call, 'params'>): { readonly queue: string; readonly worker: string; readonly scope: string } {
  const { provisionerId = '', workerType = '', workerGroup = '', workerId = '' } = params
  const queue = queueFrom(params.taskQueueId ?? `${provisionerId}/${workerType}`)
  return { queue, worker: `${workerId}@${workerGroup}`, scope: `${queue}/${workerGroup}/${workerId}` }
}

function shown(queue: string, entry: WorkerEntry): z.infer<typeof workerSchema> {
  const { recentTasks, quarantineDetails = [], ...rest } = entry
  return { ...splitQueue(queue), ...rest, recentTasks: [...recentTasks], quarantineDetails: [...quarantineDetails], actions: [] }
}

function seenEndpoints({ authority }: Office, book: WorkerBook): readonly Endpoint[] {
  const brief = z.object({
    ...{ workerGroup: z.string(), workerId: z.string(), firstClaim: z.string(), lastDateActive: z.string() },
    ...{ latestTask: recentTask.optional(), quarantineUntil },
  })
  return [
    endpoint({
      ...{ name: 'listWorkers', method: 'get', path: `${queuePath}/workers`, summary: 'Lists the workers that were seen lately' },
      query: pageQuery.extend({ quarantined: z.enum(['true', 'false']).optional() }),
      answer: z.object({ workers: z.array(brief), continuationToken: z.string().optional() }),
      async handle(call) {
        const { queue } = named(call)
        const { quarantined, ...page } = call.query
        await authority.authorize(call.context, `queue:list-workers:${queue}`)
        const all = await book.list(queue)
        const wanted = quarantined === undefined ? all : all.filter((entry) => String(book.isQuarantined(entry)) === quarantined)
        const { items, token } = pageOf(wanted, ({ workerGroup, workerId }) => `${workerGroup}/${workerId}`, page)
        const workers = items.map(({ workerGroup, workerId, firstClaim, lastDateActive, recentTasks, quarantineUntil }) => {
          const latestTask = recentTasks.at(-1)
          const more = { ...(latestTask && { latestTask }), ...(quarantineUntil && { quarantineUntil }) }
          return { workerGroup, workerId, firstClaim, lastDateActive, ...more }
        })
        return { workers, ...token }
      },
    }),
    endpoint({
      ...{
        name: 'getWorker',
        method: 'get',
        path: `${queuePath}/workers${workerPath}`,
        summary: 'Shows a worker',
        answer: workerSchema,
      },
      async handle(call) {
        const { queue, worker, scope } = named(call)
        await authority.authorize(call.context, `queue:get-worker:${scope}`)
        const entry = await book.get(queue, worker)
        if (entry !== undefined) return shown(queue, entry)
        throw new ContractError('ResourceNotFound', `expected a worker that was seen lately, got: ${scope}, which was not`)
      },
    }),
  ]
}

function stewardEndpoints({ authority, desk }: Office, book: WorkerBook): readonly Endpoint[] {
  return [
    endpoint({
      ...{ name: 'quarantineWorker', method: 'put', path: `${queuePath}/workers${workerPath}`, answer: workerSchema },
      summary: 'Gives a worker no new work for a while; a time that is over lifts it',
      body: z.strictObject({ quarantineUntil: date, quarantineInfo: z.string().max(4000).default('') }),
      async handle(call) {
        const { queue, worker, scope } = named(call)
        const { clientId = 'anonymous' } = await authority.authorize(call.context, `queue:quarantine-worker:${scope}`)
        const until = new Date(call.body.quarantineUntil).toJSON()
        const updatedAt = new Date(desk.now()).toJSON()
        const detail = { updatedAt, clientId, quarantineUntil: until, quarantineInfo: call.body.quarantineInfo }
        return shown(queue, await book.quarantine(queue, worker, detail))
      },
    }),
    endpoint({
      ...{ name: 'declareWorker', method: 'put', path: `${queuePath}${workerPath}`, answer: workerSchema },
      summary: 'Says that a worker is there; how long it is remembered may only grow',
      body: z.strictObject({ expires: date.optional() }),
      async handle(call) {
        const { queue, worker, scope } = named(call)
        await authority.authorize(call.context, `queue:declare-worker:${scope}#expires`)
        const { expires } = call.body
        return shown(queue, await book.declare(queue, worker, expires && new Date(expires).toJSON()))
      },
    }),
  ]
}

/**
 * What was claimed without an incarnation counts as that of the start that crashed, if it was claimed before: stock clients do not
 * tell theirs.
 */
function crashedEndpoint({ authority, desk, logger }: Office): Endpoint {
  return endpoint({
    ...{ name: 'workerCrashed', method: 'post', path: `/workers/{taskQueueId}${workerPath}/crashed` },
    summary: 'Takes from a worker that crashed what it runs: it goes elsewhere at once. May be said twice',
    body: z
      .object({
        incarnation: z.string().max(64).optional().openapi({ description: 'The start of the worker that crashed.' }),
        detectedBy: z.string().max(200).optional(),
        at: date.optional().openapi({ description: 'When. Default: now.' }),
      })
      .nullish(),
    answer: z.object({ resolved: z.array(recentTask) }),
    async handle(call) {
      const { queue, worker, scope } = named(call)
      await authority.authorize(call.context, `queue:worker-crashed:${scope}`)
      const { incarnation, detectedBy, at } = call.body ?? {}
      const before = at === undefined ? desk.now() : Date.parse(at)
      const own =
        incarnation === undefined ? [] : await desk.lose(httpHolder(queue, worker, incarnation), Number.MAX_SAFE_INTEGER)
      const others = await desk.lose(httpHolder(queue, worker), before)
      const resolved = [...own, ...others].map(({ id, run }) => ({ taskId: id, runId: run }))
      logger.warn(
        { queue, worker, incarnation, detectedBy, tasks: resolved.length },
        'a worker crashed; what it ran goes elsewhere',
      )
      return { resolved }
    },
  })
}
