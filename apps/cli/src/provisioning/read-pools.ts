/** Worker pools as they stand: what their records, their standing and their workers say together. */
import { type Admin, isQuarantined, type PoolStanding, type PoolWorker, type WorkerPool } from '@lovage/core'

export interface PoolStatus {
  readonly pool: WorkerPool
  readonly standing: PoolStanding
  readonly quarantined: boolean
  readonly queues: readonly string[]
  /** Those that have not stopped. */
  readonly workers: readonly PoolWorker[]
}

/** Reads all pools, by name. */
export async function readPools({ pools }: Pick<Admin, 'pools'>): Promise<readonly PoolStatus[]> {
  const [all, workers] = await Promise.all([pools.list(), pools.workers()])
  return Promise.all(all.map(async (pool) => poolStatus(pool, await pools.standing(pool.workerPoolId), workers)))
}

function poolStatus(pool: WorkerPool, standing: PoolStanding, workers: readonly PoolWorker[]): PoolStatus {
  const named = pool.config.launchConfigs.flatMap(({ queues }) => (Array.isArray(queues) ? queues.map(String) : []))
  return {
    pool,
    standing,
    quarantined: isQuarantined(standing),
    queues: named.length > 0 ? [...new Set(named)] : [pool.workerPoolId],
    workers: workers.filter(({ workerPoolId, state }) => workerPoolId === pool.workerPoolId && state !== 'stopped'),
  }
}

/** How many tasks one worker of the pool runs at once. */
export function capacityOf({ config }: WorkerPool): number {
  const [capacity] = config.launchConfigs.flatMap(({ capacity }) => (typeof capacity === 'number' ? [capacity] : []))
  return Math.max(1, capacity ?? 1)
}
