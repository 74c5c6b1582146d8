/** Worker pools as a table, and one of them in full. */
import type { PoolWorkerState, WorkerPoolError } from '@lovage/core'
import { formatDuration } from '@lovage/core'
import { capacityOf, type PoolStatus } from '../provisioning/read-pools.ts'
import { moment, relativeTime, wholeDuration } from './moment.ts'
import type { Paint } from './paint.ts'
import { facts, indent, table } from './table.ts'

/** One line per pool: its bounds in workers, how many there are, and what keeps it from launching. */
export function poolRows(pools: readonly PoolStatus[], paint: Paint, now: number, columns?: number): string[] {
  const rows = pools.map((status) => [
    status.pool.workerPoolId,
    status.queues.join(','),
    bounds(status),
    ...(['running', 'requested', 'stopping'] as const).map((state) => String(inState(status, state))),
    note(status, paint, now),
  ])
  const numbers = ['WORKERS', 'RUNNING', 'STARTING', 'STOPPING'].map((title) => ({ title, align: 'right' }) as const)
  return table([{ title: 'POOL' }, { title: 'QUEUES' }, ...numbers, { title: '' }], rows, paint, columns)
}

/** Everything about a pool. */
export function poolDetail(status: PoolStatus, errors: readonly WorkerPoolError[], paint: Paint, now: number): string[] {
  const { pool, standing } = status
  const { scalingRatio = 1, lifecycle = {}, minCapacity, maxCapacity } = pool.config
  const lines = facts(
    [
      ['pool', pool.workerPoolId],
      ['provider', pool.providerId],
      ['queues', status.queues.join(', ')],
      ['workers', `${bounds(status)}, ${capacityOf(pool)} at once in each (capacity ${minCapacity} to ${maxCapacity})`],
      ['ratio', scalingRatio === 1 ? undefined : String(scalingRatio)],
      ['idle time-out', seconds(lifecycle.idleTimeout)],
      ['max lifetime', seconds(lifecycle.maxLifetime)],
      ['drain time-out', seconds(lifecycle.drainTimeout)],
      ['state', note(status, paint, now) || 'well'],
      ['launched', `${standing.launched} so far`],
      ['changed', moment(pool.lastModified, now)],
    ],
    paint,
  )
  const workers = status.workers.map(({ workerId, workerGroup, state, lastModified, terminate }) => [
    `${workerId}@${workerGroup}`,
    state === 'requested' ? 'starting' : state,
    wholeDuration(Math.max(0, now - lastModified)),
    terminate?.reason ?? '',
  ])
  const titles = [{ title: 'WORKER' }, { title: 'STATE' }, { title: 'FOR', align: 'right' } as const, { title: '' }]
  const shown = errors.slice(0, 5).map((error) => `${relativeTime(error.reported, now)}: ${error.description}`)
  return [
    ...lines,
    ...(workers.length === 0 ? [] : ['', ...table(titles, workers, paint)]),
    ...(shown.length === 0 ? [] : ['', paint('bold', 'Latest failures'), ...indent(shown)]),
  ]
}

/** `0..4`; in capacity where that does not come out even. */
function bounds({ pool }: PoolStatus): string {
  const { minCapacity, maxCapacity } = pool.config
  const each = capacityOf(pool)
  return `${Math.ceil(minCapacity / each)}..${Math.floor(maxCapacity / each)}`
}

function inState({ workers }: PoolStatus, state: PoolWorkerState): number {
  return workers.filter((worker) => worker.state === state).length
}

function note({ standing, quarantined }: PoolStatus, paint: Paint, now: number): string {
  const { paused, failures, retryAt = 0, reason } = standing
  const parts = [
    ...(paused ? [paint('yellow', 'paused')] : []),
    ...(quarantined ? [`${paint('red', 'quarantined')}, ${nextTry(retryAt, now)}`] : []),
    ...(failures > 0 ? [`${failures} ${failures === 1 ? 'launch' : 'launches'} failed: ${reason}`] : []),
  ]
  return parts.join('; ')
}

function nextTry(at: number, now: number): string {
  return at > now ? `tried again ${relativeTime(at, now)}` : 'being tried again'
}

function seconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : formatDuration(value * 1000)
}
