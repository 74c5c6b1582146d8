/** What a worker pool needs: how many workers to launch, which to stop, and when to leave off launching because it fails. */

/** What a pool may have, in capacity: tasks at once, over all its workers. */
export interface PoolBounds {
  readonly min: number
  readonly max: number
  /** Capacity for each task that is pending or claimed. */
  readonly ratio: number
}

/** What a pool has to do, in tasks, and what it has for that, in capacity. */
export interface PoolLoad {
  readonly pending: number
  readonly claimed: number
  /** Of workers that take tasks. */
  readonly running: number
  /** Of workers that were launched and do not take tasks yet. */
  readonly requested: number
  /** Of workers that finish what they have and take nothing more. */
  readonly stopping: number
}

/**
 * The capacity that should take tasks; never less than what does. At a ratio of 1 this is Taskcluster's estimate: tasks that are
 * pending beyond idle capacity ask for as much more. At a lower one it counts all tasks, so that it comes to rest at that share
 * of them and does not creep up as tasks are claimed.
 * @see https://github.com/taskcluster/taskcluster/blob/main/services/worker-manager/src/estimator.js
 */
export function wantedCapacity({ pending, claimed, running }: PoolLoad, { min, max, ratio }: PoolBounds): number {
  // What workers of others have claimed on the same queues is not done by this pool.
  const work = pending + Math.min(claimed, running)
  return Math.max(running, Math.min(max, Math.max(min, Math.ceil(work * ratio))))
}

/**
 * How many workers of this capacity to launch now. All together never have more than the most, those that stop included: they
 * still use what the limit is there to spare.
 */
export function workersToLaunch(load: PoolLoad, bounds: PoolBounds, capacity: number): number {
  const missing = wantedCapacity(load, bounds) - load.running - load.requested
  const room = bounds.max - load.running - load.requested - load.stopping
  return Math.max(0, Math.min(Math.ceil(missing / capacity), Math.floor(room / capacity)))
}

/** A worker that takes tasks, as far as it matters for its end. Times are epoch milliseconds. */
export interface PoolMember {
  readonly id: string
  readonly capacity: number
  readonly runningSince: number
  /** Undefined while it has something to do, or does not say. */
  readonly idleSince?: number | undefined
}

/** Why a worker of a pool is told to stop. */
export const stopReasons = ['idle', 'over-capacity', 'max-lifetime', 'provisioner-stopped', 'provisioner-lost'] as const
export type StopReason = (typeof stopReasons)[number]

/** When workers end; in milliseconds, undefined is never. */
export interface PoolLimits {
  readonly idleMs?: number | undefined
  readonly lifetimeMs?: number | undefined
}

export interface StopOrder {
  readonly id: string
  readonly reason: StopReason
}

/**
 * Which workers to stop now. Above the most at once, idle ones first; else those idle for long enough, the oldest first, down to
 * what tasks and the least ask for; and one that is too old, unless another is on its way out for that (`rotating`): so a pool
 * that was launched at once is not stopped at once.
 */
export function workersToStop(
  members: readonly PoolMember[],
  load: Pick<PoolLoad, 'pending' | 'claimed'>,
  bounds: PoolBounds,
  limits: PoolLimits & { readonly rotating: boolean },
  now: number,
): readonly StopOrder[] {
  const orders = new Map<string, StopReason>()
  const byAge = [...members].sort((a, b) => a.runningSince - b.runningSince)
  let running = members.reduce((sum, member) => sum + member.capacity, 0)
  const stop = ({ id, capacity }: PoolMember, reason: StopReason): void => {
    orders.set(id, reason)
    running -= capacity
  }
  const idleFirst = byAge.toSorted((a, b) => Number(a.idleSince === undefined) - Number(b.idleSince === undefined))
  for (const member of idleFirst) if (running > bounds.max) stop(member, 'over-capacity')
  // What workers of others have claimed keeps none of these.
  const busy = members.reduce((sum, { capacity, idleSince }) => sum + (idleSince === undefined ? capacity : 0), 0)
  const work = load.pending + Math.min(load.claimed, busy)
  const kept = Math.min(bounds.max, Math.max(bounds.min, Math.ceil(work * bounds.ratio)))
  for (const member of byAge) {
    const isIdle = member.idleSince !== undefined && now - member.idleSince >= (limits.idleMs ?? Number.POSITIVE_INFINITY)
    if (isIdle && !orders.has(member.id) && running - member.capacity >= kept) stop(member, 'idle')
  }
  const [oldest] = byAge.filter(({ id }) => !orders.has(id))
  const isOld = oldest !== undefined && now - oldest.runningSince >= (limits.lifetimeMs ?? Number.POSITIVE_INFINITY)
  if (isOld && !limits.rotating) stop(oldest, 'max-lifetime')
  return [...orders].map(([id, reason]) => ({ id, reason }))
}

/** What all who provision a pool share beside its workers. Times are epoch milliseconds. */
export interface PoolStanding {
  /** Someone asked for it: nothing is launched until the pool is resumed. */
  readonly paused: boolean
  /** Launches in a row whose worker did not stay. */
  readonly failures: number
  /** When the last of them failed. */
  readonly failedAt?: number | undefined
  /** Nothing is launched before this time. */
  readonly retryAt?: number | undefined
  /** What the last of them ended with. */
  readonly reason?: string | undefined
  /** Workers launched since there is this pool: what their names count. */
  readonly launched: number
}

/** Of a pool that nothing has happened to. */
export const freshStanding: PoolStanding = { paused: false, failures: 0, launched: 0 }

/** A worker that takes tasks for so long, in milliseconds, has come to stay: its end says nothing about how it was launched. */
export const stayMs = 10_000
/** So many failed launches in a row put a pool into quarantine. */
export const quarantineAfter = 3
const firstDelayMs = 1000
const firstQuarantineMs = 5000
const longestQuarantineMs = 300_000

/** Whether workers of the pool failed so often that they are launched one by one, at growing intervals, until one stays. */
export function isQuarantined({ failures }: PoolStanding): boolean {
  return failures >= quarantineAfter
}

/** How long to wait with the next launch: the first failure is answered at once, from the third on the pool is in quarantine. */
export function launchDelayMs(failures: number): number {
  if (failures < 2) return 0
  if (failures < quarantineAfter) return firstDelayMs
  return Math.min(longestQuarantineMs, firstQuarantineMs * 2 ** Math.min(30, failures - quarantineAfter))
}

/** Takes note of a worker that did not stay. One that was launched before the last failure tells nothing new. */
export function afterFailure(standing: PoolStanding, launchedAt: number, reason: string, now: number): PoolStanding {
  if (standing.failedAt !== undefined && launchedAt <= standing.failedAt) return standing
  const failures = standing.failures + 1
  return { ...standing, failures, failedAt: Math.max(now, launchedAt), retryAt: now + launchDelayMs(failures), reason }
}

/** Takes note of a worker that has stayed: failures before its launch are forgotten. */
export function afterStay(standing: PoolStanding, launchedAt: number): PoolStanding {
  return standing.failedAt !== undefined && launchedAt > standing.failedAt ? withoutFailures(standing) : standing
}

/** Of a pool that may launch again, whatever failed. */
export function withoutFailures({ paused, launched }: PoolStanding): PoolStanding {
  return { paused, launched, failures: 0 }
}

/**
 * How many of the wanted launches may be made now. In quarantine one at a time. A wait longer than the longest was never meant:
 * the clock was set back.
 * @param unproven workers launched since the last failure that have not stayed yet
 */
export function launchesAllowed(standing: PoolStanding, wanted: number, unproven: number, now: number): number {
  const waitMs = (standing.retryAt ?? 0) - now
  if (standing.paused || (waitMs > 0 && waitMs <= longestQuarantineMs)) return 0
  return isQuarantined(standing) ? Math.max(0, Math.min(wanted, 1 - unproven)) : wanted
}
