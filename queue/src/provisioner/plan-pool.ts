/** What to do for a pool after a look at it: a pure function of its records, what was seen, and the time. */
import {
  afterFailure,
  afterStay,
  farewellMs,
  isMistaken,
  isSilent,
  launchesAllowed,
  type PoolBounds,
  type PoolLimits,
  type PoolLoad,
  type PoolMember,
  type PoolStanding,
  type PoolWorker,
  type ProvidedPool,
  poolWorkerKey,
  sightedWorker,
  stayMs,
  stoppingWorker,
  takeBackMs,
  type WorkerPool,
  type WorkerSight,
  workersToLaunch,
  workersToStop,
} from '@lovage/core'
import type { PoolPage } from './pool-book.ts'

/** How long a worker that was launched may take until it takes tasks, where the pool does not say. */
const registrationMs = 60_000
/** How long a worker that was stopped cold may take to give its tasks back before it is killed. */
export const coldGraceMs = 30_000

/** What was seen of a pool. */
export interface PoolView {
  readonly now: number
  readonly provided: ProvidedPool
  readonly providerId: string
  /** The holder of this process and the group of its launcher. */
  readonly self: { readonly holder: string; readonly group: string }
  /** This process launches nothing more, and what it has launched shall stop. */
  readonly closing: boolean
  readonly page: PoolPage
  /** Tasks that workers of the pool can run. */
  readonly tasks: Pick<PoolLoad, 'pending' | 'claimed'>
  /** By the key of the worker's record. */
  readonly sights: ReadonlyMap<string, WorkerSight>
  /** Workers of this process that ended since the last look, and of what; by id. */
  readonly exits: ReadonlyMap<string, string>
  /** Since when a worker has had nothing to do; by id. */
  readonly idleSince: ReadonlyMap<string, number>
}

export interface PoolPlan {
  readonly standing: PoolStanding
  readonly workers: readonly PoolWorker[]
  readonly launches: readonly PoolWorker[]
  /** Workers of this process that do not end or begin as they should, and what to do about it. */
  readonly nudges: readonly { readonly worker: PoolWorker; readonly how: 'warm' | 'cold' | 'kill' }[]
  /** Hints about pending tasks would change nothing for now. */
  readonly full: boolean
  /** Whether idle workers could be stopped. */
  readonly shrinkable: boolean
  /** The next time at which something is to be done without a signal. */
  readonly nextAt?: number | undefined
}

/** A worker that runs is remembered, however long it does. */
const tenYearsMs = 10 * 365 * 86_400_000

/** The bounds of a pool; none of it may run where the provider is another one. */
export function boundsOf(pool: WorkerPool | undefined, providerId: string): PoolBounds {
  if (pool?.providerId !== providerId) return { min: 0, max: 0, ratio: 1 }
  const { minCapacity, maxCapacity, scalingRatio = 1 } = pool.config
  return { min: minCapacity, max: maxCapacity, ratio: scalingRatio }
}

/** The limits of a pool's workers in milliseconds. */
export function limitsOf(pool: WorkerPool | undefined): PoolLimits & { readonly startMs: number; readonly drainMs?: number } {
  const { registrationTimeout, idleTimeout, maxLifetime, drainTimeout } = pool?.config.lifecycle ?? {}
  return {
    startMs: registrationTimeout === undefined ? registrationMs : registrationTimeout * 1000,
    idleMs: idleTimeout === undefined ? undefined : idleTimeout * 1000,
    lifetimeMs: maxLifetime === undefined ? undefined : maxLifetime * 1000,
    ...(drainTimeout === undefined ? {} : { drainMs: drainTimeout * 1000 }),
  }
}

export function planPool(view: PoolView): PoolPlan {
  const { now, page, provided, self, closing } = view
  const bounds = boundsOf(page.pool, view.providerId)
  const limits = limitsOf(page.pool)
  const seen = observed(view, limits.startMs)
  const standing = learned(page.standing, page.workers, seen, view)
  const rotating = seen.some(({ state, terminate }) => state === 'stopping' && terminate?.reason === 'max-lifetime')
  const members = seen.filter(({ state }) => state === 'running').map((worker) => memberOf(worker, view.idleSince))
  const orders = workersToStop(members, view.tasks, bounds, { ...limits, rotating }, now)
  const reasons = new Map(orders.map(({ id, reason }) => [id, reason]))
  const workers = seen.map((worker) => {
    const reason = closing && worker.launchedBy === self.holder ? 'provisioner-stopped' : reasons.get(poolWorkerKey(worker))
    return reason === undefined ? worker : stoppingWorker(worker, reason, now)
  })
  const load = { ...view.tasks, ...capacities(workers) }
  const wanted = closing ? 0 : workersToLaunch(load, bounds, provided.capacity)
  const unproven = workers.filter((worker) => isUnproven(worker, standing)).length
  const count = launchesAllowed(standing, wanted, unproven, now)
  const launches = Array.from({ length: count }, (_, index) => newWorker(view, standing, index + 1))
  const launched = standing.launched + count
  return {
    standing: count === 0 ? standing : { ...standing, launched },
    workers: [...workers, ...launches],
    launches,
    nudges: nudges(workers, view, limits),
    full: closing || wanted > count || load.running + load.requested + load.stopping + provided.capacity > bounds.max,
    shrinkable: load.running > bounds.min,
    nextAt: nextAt(workers, standing, { ...limits, wants: wanted > count, shrinkable: load.running > bounds.min }, view),
  }
}

/** The workers as they are, without those that are forgotten. */
function observed({ now, page, sights }: PoolView, startMs: number): PoolWorker[] {
  return page.workers
    .filter(({ state, expires }) => state !== 'stopped' || now < expires)
    .map((worker) => sightedWorker(worker, sights.get(poolWorkerKey(worker)) ?? { orphaned: false }, startMs, now))
}

/** What ends and stays say about launching. */
function learned(
  standing: PoolStanding,
  before: readonly PoolWorker[],
  after: readonly PoolWorker[],
  { exits, now, closing }: PoolView,
): PoolStanding {
  let learnt = standing
  const states = new Map(after.map((worker) => [poolWorkerKey(worker), worker.state]))
  for (const worker of before) {
    const reason = exits.get(worker.workerId)
    if (reason === undefined || states.get(poolWorkerKey(worker)) !== 'stopped') continue
    const stayed = worker.state === 'running' && now - worker.lastModified >= stayMs
    const wasAsked = closing || worker.state === 'stopping' || worker.state === 'stopped'
    if (!stayed && !wasAsked) learnt = afterFailure(learnt, worker.created, reason, now)
  }
  for (const worker of after) {
    if (worker.state === 'running' && now - worker.lastModified >= stayMs) learnt = afterStay(learnt, worker.created)
  }
  return learnt
}

function memberOf(worker: PoolWorker, idleSince: ReadonlyMap<string, number>): PoolMember {
  const { capacity, workerId } = worker
  const since = idleSince.get(workerId)
  // It cannot have been idle before it ran.
  return { id: poolWorkerKey(worker), capacity, runningSince: worker.lastModified, idleSince: since }
}

function capacities(workers: readonly PoolWorker[]): Pick<PoolLoad, 'running' | 'requested' | 'stopping'> {
  const sums = { running: 0, requested: 0, stopping: 0, stopped: 0 }
  for (const { state, capacity } of workers) sums[state] += capacity
  return sums
}

/** Launched since the last failure, and not yet there for long enough: the next launch waits for what becomes of it. */
function isUnproven({ state, created }: PoolWorker, { failedAt }: PoolStanding): boolean {
  return (state === 'requested' || state === 'running') && failedAt !== undefined && created > failedAt
}

function newWorker({ provided, providerId, self, now }: PoolView, standing: PoolStanding, nth: number): PoolWorker {
  return {
    workerPoolId: provided.workerPoolId,
    workerGroup: self.group,
    workerId: workerIdOf(provided.workerPoolId, standing.launched + nth),
    providerId,
    state: 'requested',
    capacity: provided.capacity,
    // After the failure that it answers, even within the same millisecond.
    created: Math.max(now, (standing.failedAt ?? 0) + 1),
    lastModified: now,
    lastChecked: now,
    expires: now + tenYearsMs,
    launchedBy: self.holder,
  }
}

/** `images-17`: 38 letters, digits, `-` and `_` at the most, as clients of worker managers expect. */
export function workerIdOf(workerPoolId: string, number: number): string {
  return `${workerPoolId.replaceAll(/[^\w-]/g, '_').slice(0, 24)}-${number}`
}

function nudges(
  workers: readonly PoolWorker[],
  { now, self, sights }: PoolView,
  { startMs, drainMs = Number.POSITIVE_INFINITY }: ReturnType<typeof limitsOf>,
): PoolPlan['nudges'] {
  return workers.flatMap((worker) => {
    if (worker.launchedBy !== self.holder) return []
    const sight = sights.get(poolWorkerKey(worker))
    if (sight !== undefined && isSilent(worker, sight, startMs, now)) return [{ worker, how: 'kill' as const }]
    if (worker.state !== 'stopping' || isMistaken(worker)) return []
    const drained = now - worker.lastModified
    return [{ worker, how: drained < drainMs ? 'warm' : drained < drainMs + coldGraceMs ? 'cold' : 'kill' }]
  })
}

/** The earliest of the times at which a time-out of the pool or of one of its workers is over. */
function nextAt(
  workers: readonly PoolWorker[],
  standing: PoolStanding,
  limits: ReturnType<typeof limitsOf> & { readonly wants: boolean; readonly shrinkable: boolean },
  { now, self, sights, idleSince }: PoolView,
): number | undefined {
  const { startMs, drainMs, idleMs, lifetimeMs, wants, shrinkable } = limits
  const never = Number.POSITIVE_INFINITY
  const times = workers.flatMap((worker) => {
    const { state, lastModified, lastChecked, created, expires } = worker
    if (state === 'stopped') return [expires]
    const isOurs = worker.launchedBy === self.holder
    const { lostSince = never, unseenSince = never } = (isOurs && sights.get(poolWorkerKey(worker))) || {}
    const lostAt = lostSince + farewellMs
    if (state === 'stopping') {
      if (isOurs && isMistaken(worker)) return [lostAt, lastModified + takeBackMs]
      return isOurs && drainMs !== undefined ? [lostAt, lastModified + drainMs, lastModified + drainMs + coldGraceMs] : [lostAt]
    }
    const silentAt = isOurs ? unseenSince + startMs : lastChecked + 2 * startMs
    if (state === 'requested') return [silentAt, lostAt]
    const idleAt = shrinkable ? (idleSince.get(worker.workerId) ?? never) + (idleMs ?? never) : never
    const staysAt = standing.failedAt !== undefined && created > standing.failedAt ? lastModified + stayMs : never
    return [silentAt, lostAt, idleAt, staysAt, lastModified + (lifetimeMs ?? never)]
  })
  if (wants && standing.retryAt !== undefined) times.push(standing.retryAt)
  const next = Math.min(...times.filter((time) => time > now))
  return Number.isFinite(next) ? next : undefined
}
