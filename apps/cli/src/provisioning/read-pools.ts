/** Worker pools as they stand: what their records, their standing and their workers say together. */
import { type Admin, isQuarantined, type PoolStanding, type PoolWorker, presentWorkers, type WorkerPool } from '@lovage/core'

export interface PoolStatus {
  readonly pool: WorkerPool
  readonly standing: PoolStanding
  readonly quarantined: boolean
  readonly queues: readonly string[]
  /** Those that are there. */
  readonly workers: readonly PoolWorker[]
}

/** Reads all pools, by name. */
export async function readPools(admin: Pick<Admin, 'pools' | 'workers'>): Promise<readonly PoolStatus[]> {
  const { pools } = admin
  const [all, known, live] = await Promise.all([pools.list(), pools.workers(), admin.workers()])
  const workers = presentWorkers(known, new Set(live.map(({ name }) => name)), Date.now())
  return Promise.all(all.map(async (pool) => poolStatus(pool, await pools.standing(pool.workerPoolId), workers)))
}

function poolStatus(pool: WorkerPool, standing: PoolStanding, workers: readonly PoolWorker[]): PoolStatus {
  const named = pool.config.launchConfigs.flatMap(({ queues }) => (Array.isArray(queues) ? queues.map(String) : []))
  return {
    pool,
    standing,
    quarantined: isQuarantined(standing),
    queues: named.length > 0 ? [...new Set(named)] : [pool.workerPoolId],
    workers: workers.filter(({ workerPoolId }) => workerPoolId === pool.workerPoolId),
  }
}

/** How many tasks one worker of the pool runs at once. */
export function capacityOf({ config }: WorkerPool): number {
  const [capacity] = config.launchConfigs.flatMap(({ capacity }) => (typeof capacity === 'number' ? [capacity] : []))
  return Math.max(1, capacity ?? 1)
}
