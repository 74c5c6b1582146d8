/** Workers as they were seen to work: what the queue knows of each, with what its pool says of it. */
import type { z } from '@hono/zod-openapi'
import { type PoolWorker, splitQueue } from '@lovage/core'
import { ContractError } from '../queue-api/contract-error.ts'
import { queueFrom } from '../queue-api/definition.ts'
import { type Call, type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import type { WorkerBook, WorkerEntry } from '../queue-api/worker-book.ts'
import { pageOf } from './page.ts'
import { seenWorkerListSchema, seenWorkerQuery, seenWorkerSchema } from './schemas.ts'
import type { WorkerManager } from './worker-manager.ts'

const path = '/provisioners/{provisionerId}/worker-types/{workerType}/workers'

/** @param book those that came over HTTP */
export function seenWorkerEndpoints({ pools, authorize }: WorkerManager, book: WorkerBook): readonly Endpoint[] {
  const poolOf = ({ params: { provisionerId = '', workerType = '' } }: Pick<Call, 'params'>) =>
    queueFrom(`${provisionerId}/${workerType}`)
  return [
    endpoint<undefined, z.infer<typeof seenWorkerQuery>>({
      ...{ name: 'listWorkers', method: 'get', path, query: seenWorkerQuery, answer: seenWorkerListSchema },
      summary: 'Lists the workers that were seen lately, by whether they are in quarantine and by state',
      async handle({ context, params, query: { quarantined, workerState, launchConfigId, ...query } }) {
        const workerPoolId = poolOf({ params })
        await authorize(context, `worker-manager:list-workers:${workerPoolId}`)
        const [entries, workers] = await Promise.all([book.list(workerPoolId), pools().workers(workerPoolId)])
        const all = entries
          .map((entry) => ({ entry, worker: workers.find((worker) => isSame(worker, entry)) }))
          .filter(({ entry }) => quarantined === undefined || String(book.isQuarantined(entry)) === quarantined)
          .filter(({ worker }) => workerState === undefined || worker?.state === workerState)
          .filter(({ worker }) => launchConfigId === undefined || worker?.launchConfigId === launchConfigId)
        const { items, ...page } = pageOf(all, query)
        return {
          workers: items.map(({ entry, worker }) => ({ workerPoolId, ...briefOf(entry), ...standingOf(worker) })),
          ...page,
        }
      },
    }),
    endpoint({
      ...{ name: 'getWorker', method: 'get', path: `${path}/{workerGroup}/{workerId}`, answer: seenWorkerSchema },
      summary: 'Shows a worker that was seen lately',
      async handle({ context, params }) {
        const workerPoolId = poolOf({ params })
        const { workerGroup = '', workerId = '' } = params
        await authorize(context, `worker-manager:get-worker:${workerPoolId}/${workerGroup}/${workerId}`)
        const entry = await book.get(workerPoolId, `${workerId}@${workerGroup}`)
        if (entry === undefined) {
          throw new ContractError('ResourceNotFound', `expected a worker that was seen lately, got: ${workerGroup}/${workerId}`)
        }
        const worker = await pools().worker({ workerPoolId, workerGroup, workerId })
        const { quarantineDetails: _, ...seen } = entry
        return { ...splitQueue(workerPoolId), workerPoolId, ...seen, ...standingOf(worker), actions: [] }
      },
    }),
  ]
}

function isSame(worker: PoolWorker, entry: WorkerEntry): boolean {
  return worker.workerGroup === entry.workerGroup && worker.workerId === entry.workerId
}

function briefOf({ recentTasks, quarantineDetails: _, expires: __, ...entry }: WorkerEntry) {
  const latestTask = recentTasks.at(-1)
  return latestTask === undefined ? entry : { ...entry, latestTask }
}

/** What its pool says of a worker; one of no pool stands alone. */
function standingOf(worker: PoolWorker | undefined) {
  const { state = 'standalone', capacity = 0, providerId = 'none' } = worker ?? {}
  return { state, capacity, providerId }
}
