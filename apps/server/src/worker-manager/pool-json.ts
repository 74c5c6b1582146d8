/** Pools, workers and errors as JSON: the records with their times as texts, and the figures that are counted from workers. */
import { createHash } from 'node:crypto'
import { type LaunchConfig, type PoolWorker, poolWorkerStates, type WorkerPool, type WorkerPoolError } from '@lovage/core'
import type { Figures, PoolErrorJson, PoolJson, WorkerJson } from './schemas.ts'

/** The last time that clients of every language can read: what never expires is told as this. */
const lastTime = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

export function timeText(time: number): string {
  return new Date(Math.min(time, lastTime)).toJSON()
}

/** @param workers those of other pools are passed over */
export function poolJson(pool: WorkerPool, workers: readonly PoolWorker[]): PoolJson {
  const { workerPoolId, providerId, description, owner, emailOnError, config, created, lastModified } = pool
  const times = { created: timeText(created), lastModified: timeText(lastModified) }
  const figures = figuresOf(workers.filter((worker) => worker.workerPoolId === workerPoolId))
  return { workerPoolId, providerId, description, owner, emailOnError, config: { ...config }, ...times, ...figures }
}

export function figuresOf(workers: readonly PoolWorker[]): Figures {
  const capacity = (some: readonly PoolWorker[]) => some.reduce((sum, worker) => sum + worker.capacity, 0)
  const byState = poolWorkerStates.flatMap((state) => {
    const some = workers.filter((worker) => worker.state === state)
    return [[`${state}Count`, some.length] as const, [`${state}Capacity`, capacity(some)] as const]
  })
  const currentCapacity = capacity(workers.filter(({ state }) => state !== 'stopped'))
  return { currentCapacity, ...(Object.fromEntries(byState) as Omit<Figures, 'currentCapacity'>) }
}

export function workerJson(worker: PoolWorker): WorkerJson {
  const { workerPoolId, workerGroup, workerId, providerId, state, capacity, launchConfigId } = worker
  const { created, expires, lastModified, lastChecked } = worker
  return {
    ...{ workerPoolId, workerGroup, workerId, providerId, state, capacity },
    ...(launchConfigId === undefined ? {} : { launchConfigId }),
    ...{ created: timeText(created), expires: timeText(expires) },
    ...{ lastModified: timeText(lastModified), lastChecked: timeText(lastChecked) },
  }
}

export function errorJson({ reported, extra, ...error }: WorkerPoolError): PoolErrorJson {
  return { ...error, extra: { ...extra }, reported: timeText(reported) }
}

/** The id of a launch config: its own, else one made of what it says. */
export function launchConfigIdOf(config: LaunchConfig): string {
  const own = (config.workerManager as { readonly launchConfigId?: unknown } | undefined)?.launchConfigId
  if (typeof own === 'string') return own
  return `lc-${createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 20)}`
}
