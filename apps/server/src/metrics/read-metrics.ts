/** The metrics of a broker: its queues and its worker pools, as they stand when they are asked for. */
import type { Client } from '@lovage/client'
import { type Admin, freshStanding, isQuarantined, type PoolWorker, presentWorkers, type WorkerPool } from '@lovage/core'
import type { Metric, Sample } from './exposition.ts'
import { type QueueLoad, queueLoads } from './queue-load.ts'

/** More queues or pools than this are left out, those with the least to do first: a series for each would swamp Prometheus. */
const mostSeries = 500
const taskStates = ['pending', 'running', 'scheduled', 'blocked'] as const
const workerStates = ['requested', 'running', 'stopping'] as const

/** @param named queues that are there even when nothing is known of them */
export async function readMetrics(client: Client, named: readonly string[], now: number): Promise<readonly Metric[]> {
  const loads = await queueLoads(client, named, now)
  const wanted = new Set(named)
  const shown = loads
    .toSorted((a, b) => Number(wanted.has(b.queue)) - Number(wanted.has(a.queue)) || b.load - a.load)
    .slice(0, Math.max(mostSeries, wanted.size))
  const leftOut = { name: 'lovage_queues_left_out', help: `Queues beyond the ${mostSeries} that are shown.` }
  return [
    ...queueMetrics(shown),
    { ...leftOut, samples: [{ labels: {}, value: loads.length - shown.length }] },
    ...(client.admin === undefined ? [] : await poolMetrics(client.admin, now)),
  ]
}

function queueMetrics(loads: readonly QueueLoad[]): readonly Metric[] {
  const each = (value: (load: QueueLoad) => number): readonly Sample[] =>
    loads.map((load) => ({ labels: { queue: load.queue }, value: value(load) }))
  return [
    {
      name: 'lovage_queue_tasks',
      help: 'Tasks of a queue that are not resolved, by state.',
      samples: loads.flatMap((load) => taskStates.map((state) => ({ labels: { queue: load.queue, state }, value: load[state] }))),
    },
    {
      name: 'lovage_queue_load',
      help: 'Tasks of a queue that need a worker now: running, and pending unless the queue is paused.',
      samples: each(({ load }) => load),
    },
    {
      name: 'lovage_queue_oldest_pending_age_seconds',
      help: 'Age of the pending task of a queue that has waited longest; 0 when none waits.',
      samples: each(({ oldestPendingSeconds }) => oldestPendingSeconds),
    },
    { name: 'lovage_queue_paused', help: '1 while a queue is paused.', samples: each(({ paused }) => Number(paused)) },
    { name: 'lovage_queue_workers', help: 'Workers that take tasks from a queue.', samples: each(({ workers }) => workers) },
  ]
}

async function poolMetrics(admin: Pick<Admin, 'pools' | 'workers'>, now: number): Promise<readonly Metric[]> {
  const { pools } = admin
  const [all, known, live] = await Promise.all([pools.list(), pools.workers(), admin.workers()])
  const workers = presentWorkers(known, new Set(live.map(({ name }) => name)), now)
  const shown = all.slice(0, mostSeries)
  const standings = new Map(await Promise.all(shown.map(async ({ workerPoolId: id }) => [id, await pools.standing(id)] as const)))
  const each = (value: (pool: WorkerPool) => number): readonly Sample[] =>
    shown.map((pool) => ({ labels: { pool: pool.workerPoolId }, value: value(pool) }))
  return [
    {
      name: 'lovage_pool_workers',
      help: 'Workers of a pool that have not ended, by state.',
      samples: shown.flatMap(({ workerPoolId: pool }) =>
        workerStates.map((state) => ({ labels: { pool, state }, value: countOf(workers, pool, state) })),
      ),
    },
    {
      name: 'lovage_pool_capacity_min',
      help: 'The least capacity of a pool, in tasks at once.',
      samples: each(({ config }) => config.minCapacity),
    },
    {
      name: 'lovage_pool_capacity_max',
      help: 'The most capacity of a pool, in tasks at once.',
      samples: each(({ config }) => config.maxCapacity),
    },
    {
      name: 'lovage_pool_launch_failures',
      help: 'Launches in a row whose worker did not stay; 0 once one has stayed.',
      samples: each((pool) => standings.get(pool.workerPoolId)?.failures ?? 0),
    },
    {
      name: 'lovage_pool_quarantined',
      help: '1 while a pool launches one worker at a time, at growing intervals, because they fail.',
      samples: each((pool) => Number(isQuarantined(standings.get(pool.workerPoolId) ?? freshStanding))),
    },
  ]
}

function countOf(workers: readonly PoolWorker[], pool: string, state: PoolWorker['state']): number {
  return workers.filter((worker) => worker.workerPoolId === pool && worker.state === state).length
}
