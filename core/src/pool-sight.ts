/** What to make of a pool's worker after a look at where it should be. */
import type { StopReason } from './provision.ts'
import type { PoolWorker } from './worker-pool.ts'

/** What a look showed. */
export interface WorkerSight {
  /** The holder under which it takes tasks, while it does. */
  readonly holder?: string | undefined
  /** Since when its switch is let go (epoch milliseconds): it ends, or its runs are elsewhere whether it lives or not. */
  readonly lostSince?: number | undefined
  /** Since when nobody who looked has seen it take tasks (epoch milliseconds); a time in which nobody could look does not count. */
  readonly unseenSince?: number | undefined
  /** Whether its launcher has it; undefined where another process launched it. */
  readonly launched?: boolean | undefined
  /** The process that launched it is gone, as far as can be seen from here: it finishes what it has and ends. */
  readonly orphaned: boolean
}

/** How long a worker that has stopped is remembered, in milliseconds. */
export const rememberedMs = 600_000

/**
 * So long after others took it for gone a process that is not takes its workers back, in milliseconds: when its connection is
 * there again others see it, too.
 */
export const takeBackMs = 5000

/** So long a worker that has let go of its switch may take to end, in milliseconds. */
export const farewellMs = 5000

/** A worker that is asked to stop, by this reason; one that stops already keeps its own. */
export function stoppingWorker(worker: PoolWorker, reason: StopReason, now: number): PoolWorker {
  if (worker.state === 'stopping' || worker.state === 'stopped') return worker
  return { ...worker, state: 'stopping', lastModified: now, terminate: { reason } }
}

/** A worker that has ended. */
export function stoppedWorker(worker: PoolWorker, now: number): PoolWorker {
  return { ...worker, state: 'stopped', lastModified: now, lastChecked: now, expires: now + rememberedMs }
}

/**
 * The worker as it must be after what was seen; the same object when nothing has changed. That it was seen well is noted once in
 * half a registration's time, so that looking costs no writes.
 * @param registrationMs how long a worker that was launched may take until it takes tasks
 */
export function sightedWorker(worker: PoolWorker, sight: WorkerSight, registrationMs: number, now: number): PoolWorker {
  const { state } = worker
  if (state === 'stopped') {
    // Others took it for dead because it was out of sight for a while.
    const isBack = sight.launched === true && sight.holder !== undefined
    return isBack ? { ...worker, state: 'running', lastModified: now, lastChecked: now, terminate: undefined } : worker
  }
  if (isGone(worker, sight, registrationMs, now)) return stoppedWorker(worker, now)
  if (isTakenBack(worker, sight, now)) return { ...worker, state: 'running', lastModified: now, terminate: undefined }
  if (sight.orphaned && sight.launched === undefined && state !== 'stopping')
    return { ...stoppingWorker(worker, 'provisioner-lost', now), lastChecked: now }
  if (sight.holder === undefined) return worker
  if (state === 'requested')
    return { ...worker, state: 'running', incarnation: sight.holder, lastModified: now, lastChecked: now }
  return now - worker.lastChecked >= registrationMs / 2 ? { ...worker, lastChecked: now } : worker
}

function isGone(worker: PoolWorker, sight: WorkerSight, registrationMs: number, now: number): boolean {
  if (sight.launched !== undefined) return !sight.launched
  if (sight.holder !== undefined) return false
  if (sight.orphaned || (worker.launchedBy === undefined && worker.state !== 'requested')) return true
  // Who launched it knows whether its process is there, and what it ended of; when they do not say, we give it up, later.
  return now - worker.lastChecked >= 2 * registrationMs
}

function isTakenBack(worker: PoolWorker, { launched, holder, orphaned }: WorkerSight, now: number): boolean {
  if (launched !== true || holder === undefined || orphaned) return false
  return isMistaken(worker) && now - worker.lastModified >= takeBackMs
}

/** Whether others told a worker to stop because they took the process that launched it for gone. */
export function isMistaken({ state, terminate }: PoolWorker): boolean {
  return state === 'stopping' && terminate?.reason === 'provisioner-lost'
}

/**
 * Whether a worker that its launcher has had better be killed and replaced: it is frozen or cut off, so that others have its runs,
 * or takes no tasks for too long.
 */
export function isSilent(worker: PoolWorker, sight: WorkerSight, registrationMs: number, now: number): boolean {
  if (sight.launched !== true || sight.holder !== undefined) return false
  if (sight.lostSince !== undefined && now - sight.lostSince >= farewellMs) return worker.state !== 'stopped'
  const { unseenSince = now } = sight
  return (worker.state === 'requested' || worker.state === 'running') && now - unseenSince >= registrationMs
}

/** The name under which a worker of a pool takes tasks, where its launcher named it. */
export function poolWorkerName({ workerId, workerGroup }: Pick<PoolWorker, 'workerId' | 'workerGroup'>): string {
  return `${workerId}@${workerGroup}`
}

/** For so long a worker that was launched may be on its way, for those who only look, in milliseconds. */
const onItsWayMs = 300_000

/**
 * The workers that are there, for those who only look: records of a provisioner that is gone stand until another one comes. A
 * worker that nobody launched from here (`launchedBy`) is as its record says.
 * @param names of the workers that take tasks now
 */
export function presentWorkers(workers: readonly PoolWorker[], names: ReadonlySet<string>, now: number): readonly PoolWorker[] {
  return workers.filter((worker) => {
    if (worker.state === 'stopped') return false
    if (worker.launchedBy === undefined) return true
    return worker.state === 'requested' ? now - worker.lastChecked < onItsWayMs : names.has(poolWorkerName(worker))
  })
}
