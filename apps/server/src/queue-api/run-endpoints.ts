/** Runs: claim, keep, resolve. */
import { z } from '@hono/zod-openapi'
import { type Task, taskStatus } from '@lovage/core'
import { claimMsFor } from './claim-time.ts'
import { type Claimer, claimed, claimSchema, claimTasks, reclaimed, reclaimSchema, type Wish } from './claims.ts'
import { ContractError } from './contract-error.ts'
import { queueFrom } from './definition.ts'
import { type Call, type Endpoint, endpoint } from './endpoint.ts'
import { checkDeadline, knownTask, type Office, statusAnswer } from './office.ts'
import {
  completedReport,
  exceptionReport,
  failedReport,
  knownRun,
  type Report,
  reportReasons,
  resolveRun,
  runningTask,
} from './run-reports.ts'
import type { WorkerBook } from './worker-book.ts'

const workerName = z.string().regex(/^[A-Za-z0-9_-]{1,38}$/, 'expected 1 to 38 letters, digits, - or _')
const worker = {
  workerGroup: workerName,
  workerId: workerName,
  incarnation: z
    .string()
    .regex(/^[!-~]{1,64}$/, 'expected 1 to 64 visible characters')
    .optional()
    .openapi({ description: 'This start of the worker. What it holds can be declared lost when it is known to have crashed.' }),
}

export function runEndpoints(office: Office, book: WorkerBook): readonly Endpoint[] {
  return [...claimEndpoints(office, book), reclaimEndpoint(office), ...reportEndpoints(office)]
}

function claimEndpoints(office: Office, book: WorkerBook): readonly Endpoint[] {
  const { authority } = office
  return [
    endpoint({
      ...{ name: 'claimWork', method: 'post', path: '/claim-work/{taskQueueId}' },
      summary: 'Claims tasks of a queue; waits up to 20 seconds for the first',
      body: z.strictObject({ ...worker, tasks: z.number().int().min(1).max(32).default(1) }),
      answer: z.object({ tasks: z.array(claimSchema) }),
      async handle({ context, params: { taskQueueId = '' }, body: { tasks: limit, ...who } }) {
        const queue = queueFrom(taskQueueId)
        await authority.authorize(context, {
          AllOf: [`queue:claim-work:${queue}`, `queue:worker-id:${who.workerGroup}/${who.workerId}`],
        })
        const wish = { limit, gone: context.req.raw.signal }
        return { tasks: await claimTasks(office, book, { queue, ...who }, wish, (task) => claimed(office, task)) }
      },
    }),
    endpoint({
      ...{ name: 'claimTask', method: 'post', path: '/task/{taskId}/runs/{runId}/claim', deprecated: true },
      summary: 'Claims one task that the worker was told of',
      ...{ body: z.strictObject(worker), answer: claimSchema },
      async handle({ context, params: { taskId = '', runId = '' }, body: who }) {
        const task = await knownTask(office, taskId)
        await authority.authorize(context, {
          AllOf: [`queue:claim-work:${task.queue}`, `queue:worker-id:${who.workerGroup}/${who.workerId}`],
        })
        const wish = { ...who, runId, gone: context.req.raw.signal }
        return claimOne(office, book, task, wish, (mine) => claimed(office, mine))
      },
    }),
  ]
}

/** @throws {ContractError} RequestConflict when it is not pending with that run, or the worker gets no work */
export async function claimOne<Told>(
  office: Office,
  book: WorkerBook,
  task: Task,
  { runId, gone, ...who }: Omit<Claimer, 'queue'> & Pick<Wish, 'gone'> & { readonly runId: string },
  tell: (task: Task) => Told | Promise<Told>,
): Promise<Told> {
  const run = knownRun(taskStatus(task), runId)
  checkDeadline(office, task, 'claim')
  const isNext = run.state === 'pending' && task.state === 'pending'
  const wish = { limit: 1, ids: [task.id], gone }
  const [mine] = isNext ? await claimTasks(office, book, { queue: task.queue, ...who }, wish, tell) : []
  if (mine !== undefined) return mine
  throw new ContractError(
    'RequestConflict',
    `expected run ${runId} of task ${task.id} to be pending, got: ${isNext ? 'taken' : run.state}`,
  )
}

function reclaimEndpoint(office: Office): Endpoint {
  return endpoint({
    ...{ name: 'reclaimTask', method: 'post', path: '/task/{taskId}/runs/{runId}/reclaim' },
    summary: 'Keeps a run for another claim time, with new credentials',
    answer: reclaimSchema,
    async handle({ context, params: { taskId = '', runId = '' } }) {
      await office.authority.authorize(context, `queue:reclaim-task:${taskId}/${runId}`)
      return reclaimed(office, await keepRun(office, await knownTask(office, taskId), runId))
    },
  })
}

/** Moves the end of a claim. @throws {ContractError} ResourceNotFound, RequestConflict */
export async function keepRun(office: Office, found: Task, runId: string): Promise<Task> {
  const task = runningTask(found, runId)
  checkDeadline(office, task, 'reclaim')
  const { id, run, queue, holder = '' } = task
  const leaseMs = await claimMsFor(office, queue)
  const { until, held } = await office.desk.renew({ holder, runs: [{ id, run }], leaseMs })
  if (held.length > 0) return { ...task, takenUntil: Math.max(until, task.takenUntil ?? 0) }
  return runningTask(await knownTask(office, id), runId)
}

function reportEndpoints(office: Office): readonly Endpoint[] {
  const resolve = async ({ context, params: { taskId = '', runId = '' } }: Pick<Call, 'context' | 'params'>, report: Report) => {
    const task = await knownTask(office, taskId)
    await office.authority.authorize(context, `queue:resolve-task:${taskId}/${runId}`)
    return resolveRun(office, task, runId, report)
  }
  const path = '/task/{taskId}/runs/{runId}'
  return [
    endpoint({
      ...{
        name: 'reportCompleted',
        method: 'post',
        path: `${path}/completed`,
        summary: 'Says that a run did what was asked for',
      },
      body: z
        .object({ result: z.unknown().optional().openapi({ description: 'What it came to, for whoever waits for it.' }) })
        .nullish(),
      answer: statusAnswer,
      handle: (call) => resolve(call, completedReport(call.body?.result)),
    }),
    endpoint({
      ...{
        name: 'reportFailed',
        method: 'post',
        path: `${path}/failed`,
        summary: 'Says that a run failed at what was asked for',
      },
      body: z.object({ message: z.string().max(8000).optional() }).nullish(),
      answer: statusAnswer,
      handle: (call) => resolve(call, failedReport(call.body?.message)),
    }),
    endpoint({
      ...{
        name: 'reportException',
        method: 'post',
        path: `${path}/exception`,
        summary: 'Says that a run could not do what was asked for',
      },
      ...{ body: z.strictObject({ reason: z.enum(reportReasons) }), answer: statusAnswer },
      handle: (call) => resolve(call, exceptionReport(call.body.reason)),
    }),
  ]
}
