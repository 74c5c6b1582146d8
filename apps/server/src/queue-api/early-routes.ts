/** Version 0.2 of the queue's contract, as thin as can be: other words for the same tasks, runs counted from 1. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { isResolved, type Task, taskStatus } from '@lovage/core'
import type { Context } from 'hono'
import { claimTasks } from './claims.ts'
import { ContractError } from './contract-error.ts'
import { messageFor } from './definition.ts'
import { definitionFromEarly, earlyDefinition, earlyStatus, earlyStatusSchema, earlyWorker } from './early-words.ts'
import { addEndpoints, type Endpoint, endpoint } from './endpoint.ts'
import { knownTask, type Office } from './office.ts'
import { claimOne, keepRun } from './run-endpoints.ts'
import { completedReport, failedReport, type Report, resolveRun } from './run-reports.ts'
import type { WorkerBook } from './worker-book.ts'

export interface EarlyParts {
  readonly office: Office
  readonly book: WorkerBook
}

/** How long a worker that got nothing had better wait, in seconds: it has been waiting for a task already. */
const sleepSeconds = 1

const worker = z.strictObject(earlyWorker)
const claimBody = z.strictObject({ ...earlyWorker, run_id: z.number().int().min(1).nullable().optional() })
const reportBody = z.strictObject({ ...earlyWorker, run_id: z.number().int().min(1) })
const statusAnswer = z.object({ status: earlyStatusSchema })
const claimAnswer = z.object({
  status: earlyStatusSchema,
  run_id: z.number().int(),
  logs_url: z.null().openapi({ description: 'Contents are not kept here.' }),
  result_url: z.null(),
})

export function addEarlyRoutes(app: OpenAPIHono, parts: EarlyParts): void {
  const endpoints = [...taskRoutes(parts), ...workRoutes(parts), ...reportRoutes(parts)].map(withGone)
  addEndpoints({ app, prefix: '/0.2.0', tag: 'queue-0.2', logger: parts.office.logger }, endpoints)
}

/** What is a conflict today was gone then. */
function withGone(each: Endpoint): Endpoint {
  return {
    ...each,
    async handle(call) {
      try {
        return await each.handle(call)
      } catch (error) {
        if (!(error instanceof ContractError) || error.contractCode !== 'RequestConflict') throw error
        throw new ContractError('ResourceExpired', error.rawMessage, { cause: error })
      }
    },
  }
}

function taskRoutes({ office }: EarlyParts): readonly Endpoint[] {
  const { authority, client, admin } = office
  return [
    endpoint({
      ...{
        name: 'newTask',
        method: 'post',
        path: '/task/new',
        summary: 'Creates a task under an id of the server',
        body: earlyDefinition,
      },
      answer: statusAnswer,
      async handle({ context, body }) {
        const taskId = randomUUID()
        const definition = definitionFromEarly(taskId, body)
        await authority.authorize(context, `queue:create-task:${definition.priority}:${definition.taskQueueId}`)
        await client.tasks.send([messageFor(taskId, definition)])
        return { status: earlyStatus(await knownTask(office, taskId)) }
      },
    }),
    endpoint({
      ...{
        name: 'taskStatus',
        method: 'get',
        path: '/task/{taskId}/status',
        summary: 'Shows where a task stands',
        answer: statusAnswer,
      },
      async handle({ context, params: { taskId = '' } }) {
        await authority.authorize(context, `queue:status:${taskId}`)
        return { status: earlyStatus(await knownTask(office, taskId)) }
      },
    }),
    endpoint({
      ...{ name: 'cancelTask', method: 'post', path: '/task/{taskId}/cancel', summary: 'Cancels a task', answer: statusAnswer },
      async handle({ context, params: { taskId = '' } }) {
        const task = await knownTask(office, taskId)
        const { schedulerId, taskGroupId } = taskStatus(task)
        await authority.authorize(context, `queue:cancel-task:${schedulerId}/${taskGroupId}/${taskId}`)
        await client.cancel([taskId])
        return { status: earlyStatus(await knownTask(office, taskId)) }
      },
    }),
    endpoint({
      ...{ name: 'pendingTasks', method: 'get', path: '/pending-tasks/{provisionerId}' },
      summary: 'Lists the pending tasks of all queues of a provisioner, up to 1000 of each',
      answer: z.object({ tasks: z.array(earlyStatusSchema) }),
      async handle({ context, params: { provisionerId = '' } }) {
        await authority.authorize(context, `queue:pending-list:${provisionerId}/*`)
        const queues = (await admin.queues(['pending'])).filter(({ queue }) => queue.startsWith(`${provisionerId}/`))
        const pages = await Promise.all(
          queues.map(({ queue }) => admin.find({ queue, states: ['pending'], order: 'oldest', limit: 1000 })),
        )
        return { tasks: pages.flatMap(({ tasks }) => tasks.map(earlyStatus)) }
      },
    }),
  ]
}

const shown = (task: Task): z.infer<typeof claimAnswer> => ({
  status: earlyStatus(task),
  run_id: task.run + 1,
  logs_url: null,
  result_url: null,
})

function workRoutes({ office, book }: EarlyParts): readonly Endpoint[] {
  const { authority } = office
  return [
    endpoint({
      ...{ name: 'claimWork', method: 'get', path: '/claim-work/{provisionerId}/{workerType}', answer: claimAnswer },
      summary:
        'Claims a task; 204 with Retry-After when there was none for 20 seconds. The worker is named in the query or the body',
      async handle({ context, params: { provisionerId, workerType } }) {
        refuseOtherSites(context)
        const who = worker.safeParse({ ...(await bodyOfGet(context)), ...context.req.query() })
        if (!who.success)
          throw new ContractError('InputValidationError', 'expected `worker_group` and `worker_id` in the query or the body')
        const { worker_group: workerGroup, worker_id: workerId } = who.data
        const queue = `${provisionerId}/${workerType}`
        await authority.authorize(context, { AllOf: [`queue:claim-work:${queue}`, `queue:worker-id:${workerGroup}/${workerId}`] })
        const wish = { limit: 1, gone: context.req.raw.signal }
        const [claim] = await claimTasks(office, book, { queue, workerGroup, workerId }, wish, shown)
        return claim ?? context.body(null, 204, { 'retry-after': String(sleepSeconds) })
      },
    }),
    endpoint({
      ...{ name: 'claimTask', method: 'post', path: '/task/{taskId}/claim', body: claimBody, answer: claimAnswer },
      summary: 'Claims a task, or keeps it with the number of its run',
      async handle({ context, params: { taskId = '' }, body: { worker_group: workerGroup, worker_id: workerId, run_id: run } }) {
        const task = await knownTask(office, taskId)
        await authority.authorize(context, {
          AllOf: [`queue:claim-work:${task.queue}`, `queue:worker-id:${workerGroup}/${workerId}`],
        })
        if (isResolved(task.state))
          throw new ContractError('ResourceNotFound', `expected task ${taskId} to be open, got: ${task.state}`)
        if (run != null) return shown(await keepRun(office, task, String(run - 1)))
        const { runs } = taskStatus(task)
        const runId = String(Math.max(0, runs.length - 1))
        return claimOne(office, book, task, { workerGroup, workerId, runId, gone: context.req.raw.signal }, shown)
      },
    }),
  ]
}

function reportRoutes({ office }: EarlyParts): readonly Endpoint[] {
  const report = (name: string, word: string, summary: string, made: Report) =>
    endpoint({
      ...{ name, method: 'post', path: `/task/{taskId}/${word}`, summary, body: reportBody, answer: statusAnswer },
      async handle({ context, params: { taskId = '' }, body: { run_id: run } }) {
        const task = await knownTask(office, taskId)
        await office.authority.authorize(context, `queue:resolve-task:${taskId}/${run - 1}`)
        await resolveRun(office, task, String(run - 1), made)
        return { status: earlyStatus(await knownTask(office, taskId)) }
      },
    })
  return [
    report('taskCompleted', 'completed', 'Says that a run did what was asked for', completedReport()),
    report('taskFailed', 'failed', 'Says that a run failed at what was asked for', failedReport()),
  ]
}

/** This GET takes something away, and browsers let every page send one. */
function refuseOtherSites({ req }: Context): void {
  const site = req.header('sec-fetch-site') ?? 'none'
  if (site === 'none' || site === 'same-origin') return
  throw new ContractError('InsufficientScopes', `expected a claim to come from a worker, got: Sec-Fetch-Site ${site}`)
}

/** Names of a worker are no longer than this. */
const longestBody = 10_000

/** The platform gives GET no body; workers of that time sent one. */
async function bodyOfGet({ env }: Context): Promise<Record<string, unknown>> {
  const incoming = (env as { readonly incoming?: IncomingMessage } | undefined)?.incoming
  const size = Number(incoming?.headers['content-length'] ?? 0)
  if (incoming === undefined || size === 0) return {}
  if (!(size <= longestBody))
    throw new ContractError('InputTooLarge', `expected a body of at most ${longestBody} bytes, got: ${size}`)
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
  } catch (cause) {
    throw new ContractError('MalformedPayload', 'expected the body to be JSON, got text that is not', { cause })
  }
}
