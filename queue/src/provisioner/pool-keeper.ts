/** Keeps one pool: looks when something may have changed, decides, writes the decision, and only then launches and stops. */
import {
  type CancelTimer,
  type ControlBus,
  isQuarantined,
  type Launcher,
  type PoolStanding,
  type PoolWorker,
  type ProvidedPool,
  poolWorkerKey,
  type WorkerInfo,
  type WorkerPools,
  type WorkerSight,
} from '@lovage/core'
import { poolsChannel, readyChannel } from '../channels.ts'
import type { Engine } from '../engine.ts'
import type { WorkerRegistry } from '../worker-registry.ts'
import { IdleWatch } from './idle-watch.ts'
import { limitsOf, type PoolPlan, planPool } from './plan-pool.ts'
import { PoolBook, type PoolPage } from './pool-book.ts'
import { countClaimable, countTasks } from './pool-tasks.ts'

/** Between two looks because of pending tasks, so that a flood of them does not cost a look for each. */
const hintGapMs = 100
/** Idle workers are looked for four times in an idle time-out, but not more nor less often than this. */
const idleLookMs = { least: 250, most: 15_000 }

/** What a keeper stands on. */
export interface KeeperTies {
  readonly registry: WorkerRegistry
  readonly control: Pick<ControlBus, 'request'>
  readonly report: WorkerPools['report']
  readonly launcher: Launcher
  readonly providerId: string
  /** The holder of this process. */
  readonly holder: string
}

export class PoolKeeper {
  readonly #engine: Engine
  readonly #ties: KeeperTies
  readonly #provided: ProvidedPool
  readonly #book: PoolBook
  readonly #idle: IdleWatch
  readonly #ends: (() => void)[] = []
  /** Of workers that were launched here and have ended since the last look. */
  #exits = new Map<string, string>()
  /** Launched here, but not in the launcher's hands yet. */
  readonly #launching = new Set<string>()
  /** The strongest nudge that each worker was given. */
  readonly #nudged = new Map<string, string>()
  /** Why workers were killed: what they exit of says less. */
  readonly #verdicts = new Map<string, string>()
  /** What the pool's workers told that they can run. */
  #names: ReadonlySet<string> | undefined
  #looking: Promise<void> | undefined
  #again = false
  #full = false
  #hintedAt = Number.NEGATIVE_INFINITY
  #cancelSleep: CancelTimer | undefined
  #cancelHint: CancelTimer | undefined
  #cancelIdle: CancelTimer | undefined
  #closing = false
  #closed = false

  constructor(engine: Engine, ties: KeeperTies, provided: ProvidedPool) {
    this.#engine = engine
    this.#ties = ties
    this.#provided = provided
    this.#book = new PoolBook(engine.store.records, provided.workerPoolId)
    this.#idle = new IdleWatch(ties.control, engine.clock)
    this.#names = provided.tasks === undefined ? undefined : new Set(provided.tasks)
  }

  /** Begins to listen for pending tasks and looks for the first time. */
  async open(): Promise<void> {
    const { signal } = this.#engine
    for (const queue of this.#provided.queues) {
      this.#ends.push(await signal.subscribe(readyChannel(queue), (message) => message === '' && this.#hint()))
    }
    await this.wake()
  }

  /** Looks at once, or once more after the look under way. Resolves when it has looked; never rejects. */
  wake(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#again = true
    this.#looking ??= this.#lookOn().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** A worker that was launched here, or by others with this launcher, has ended. */
  exited(workerId: string, reason: string): void {
    this.#exits.set(workerId, this.#verdicts.get(workerId) ?? reason)
    this.#verdicts.delete(workerId)
    this.#nudged.delete(workerId)
    void this.wake()
  }

  /** Launches nothing more, and tells its workers to stop. */
  stop(): Promise<void> {
    this.#closing = true
    return this.wake()
  }

  /** Looks no more. */
  async close(): Promise<void> {
    this.#closed = true
    for (const end of this.#ends.splice(0)) end()
    for (const cancel of [this.#cancelSleep, this.#cancelHint, this.#cancelIdle]) cancel?.()
    await this.#looking
  }

  #hint(): void {
    if (this.#full || this.#closing) return
    const at = this.#hintedAt + hintGapMs
    const { clock } = this.#engine
    if (clock.now() >= at) this.#heed()
    else this.#cancelHint ??= clock.at(at, () => this.#heed())
  }

  #heed(): void {
    this.#cancelHint = undefined
    this.#hintedAt = this.#engine.clock.now()
    void this.wake()
  }

  async #lookOn(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await this.#look()
      } catch (error) {
        if (this.#closed) return
        const { logger, clock, settings } = this.#engine
        const pool = this.#provided.workerPoolId
        logger.error({ error, pool }, 'a worker pool could not be looked after; it is tried again')
        this.#sleepUntil(clock.now() + settings.safetyMs / 10)
      }
    }
  }

  async #look(): Promise<void> {
    const { clock } = this.#engine
    const exits = new Map(this.#exits)
    const page = await this.#book.read()
    const { registry, launcher, holder, providerId } = this.#ties
    const [infos, launched, tasks] = await Promise.all([registry.alive(), launcher.list(), this.#tasks()])
    const sights = await this.#sights(page.workers, infos, new Set([...launched, ...this.#launching]))
    const plan = planPool({
      now: clock.now(),
      provided: this.#provided,
      providerId,
      self: { holder, group: launcher.group },
      closing: this.#closing,
      page,
      tasks,
      sights,
      exits,
      idleSince: this.#idle.idleSince,
    })
    const outcome = await this.#book.write(page, plan)
    if (outcome === 'refused') {
      this.#again = true
      return
    }
    for (const id of exits.keys()) this.#exits.delete(id)
    this.#learnNames(page.workers, infos)
    this.#act(plan, page)
    if (isNews(plan, page)) this.#engine.signal.publish(poolsChannel, '')
  }

  /** Pending tasks that none of its workers can run do not count. */
  async #tasks(): Promise<{ readonly pending: number; readonly claimed: number }> {
    const { queues } = this.#provided
    const tasks = await countTasks(this.#engine, queues)
    if (tasks.pending === 0) return tasks
    const claimable = await countClaimable(this.#engine, { queues, names: this.#names })
    return { ...tasks, pending: Math.min(tasks.pending, claimable) }
  }

  async #sights(
    workers: readonly PoolWorker[],
    infos: readonly WorkerInfo[],
    launched: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, WorkerSight>> {
    const { holder } = this.#ties
    const launchers = new Set(
      workers.flatMap(({ launchedBy, state }) => (launchedBy === undefined || state === 'stopped' ? [] : [launchedBy])),
    )
    const lost = new Set(launchers.size === 0 ? [] : ((await this.#engine.liveness?.lost([...launchers])) ?? []))
    const holders = new Map(infos.map((info) => [info.name, info.holder]))
    return new Map(
      workers.map((worker) => {
        const isOurs = worker.launchedBy === holder
        const orphaned = worker.launchedBy !== undefined && lost.has(worker.launchedBy)
        const sight = {
          holder: holders.get(nameOf(worker)),
          launched: isOurs ? launched.has(worker.workerId) : undefined,
          orphaned,
        }
        return [poolWorkerKey(worker), sight] as const
      }),
    )
  }

  #learnNames(workers: readonly PoolWorker[], infos: readonly WorkerInfo[]): void {
    if (this.#provided.tasks !== undefined) return
    const names = new Set(workers.map(nameOf))
    const told = infos.filter((info) => names.has(info.name)).flatMap((info) => info.tasks.map((task) => task.name))
    if (told.length > 0) this.#names = new Set([...(this.#names ?? []), ...told])
  }

  #act(plan: PoolPlan, page: PoolPage): void {
    this.#full = plan.full
    for (const worker of plan.launches) this.#launch(worker)
    for (const { worker, how } of plan.nudges) this.#nudge(worker, how)
    this.#tell(plan, page)
    this.#cancelSleep?.()
    this.#cancelSleep = undefined
    if (plan.nextAt !== undefined) this.#sleepUntil(plan.nextAt)
    this.#watchIdle(plan, limitsOf(page.pool).idleMs)
  }

  #launch(worker: PoolWorker): void {
    const { workerPoolId, workerId } = worker
    this.#launching.add(workerId)
    const request = { workerPoolId, workerId, worker: nameOf(worker), launchConfig: this.#provided.launchConfig }
    this.#ties.launcher.launch(request).then(
      () => {
        this.#launching.delete(workerId)
        void this.wake()
      },
      (error: unknown) => {
        this.#launching.delete(workerId)
        this.exited(workerId, `it could not be launched: ${error instanceof Error ? error.message : String(error)}`)
      },
    )
  }

  #nudge(worker: PoolWorker, how: 'warm' | 'cold' | 'kill'): void {
    const { workerId } = worker
    if (this.#nudged.get(workerId) === how) return
    this.#nudged.set(workerId, how)
    const { launcher } = this.#ties
    if (how === 'kill' && worker.state !== 'stopping') this.#verdicts.set(workerId, 'it took no tasks in time and was killed')
    const done = how === 'kill' ? launcher.kill(workerId) : launcher.stop(workerId, how)
    done.catch((error: unknown) => {
      this.#nudged.delete(workerId)
      this.#engine.logger.error({ error, worker: nameOf(worker) }, 'a worker could not be told to stop')
    })
  }

  #tell({ workers, standing }: PoolPlan, page: PoolPage): void {
    const { logger } = this.#engine
    const pool = this.#provided.workerPoolId
    const before = new Map(page.workers.map((worker) => [poolWorkerKey(worker), worker.state]))
    for (const worker of workers) {
      const { state, terminate } = worker
      if (before.get(poolWorkerKey(worker)) === state) continue
      const fields = { pool, worker: nameOf(worker), ...(state === 'stopping' ? { reason: terminate?.reason } : {}) }
      logger.info(fields, `worker ${state === 'requested' ? 'launched' : state}`)
    }
    if (standing.failures > page.standing.failures) this.#tellFailure(standing)
  }

  #tellFailure(standing: PoolStanding): void {
    const { logger, clock, newId } = this.#engine
    const { workerPoolId } = this.#provided
    const { failures, reason = 'for no known reason' } = standing
    const waitMs = Math.max(0, (standing.retryAt ?? 0) - clock.now())
    const how = isQuarantined(standing) ? 'the pool is in quarantine' : 'it is replaced'
    logger.warn({ pool: workerPoolId, failures, reason, waitMs }, `a worker did not stay; ${how}`)
    const title = 'A worker did not stay'
    const error = { workerPoolId, errorId: newId(), reported: clock.now(), kind: 'launch-failed', title, description: reason }
    this.#ties.report({ ...error, extra: { failures } }).catch((cause: unknown) => {
      logger.error({ error: cause, pool: workerPoolId }, 'a failure could not be kept')
    })
  }

  #sleepUntil(at: number): void {
    this.#cancelSleep?.()
    this.#cancelSleep = this.#engine.clock.at(at, () => void this.wake())
  }

  /** Runs only while there are workers that could be spared. */
  #watchIdle({ workers, shrinkable }: PoolPlan, idleMs: number | undefined): void {
    if (!shrinkable || idleMs === undefined || this.#closing) {
      this.#cancelIdle?.()
      this.#cancelIdle = undefined
      return
    }
    if (this.#cancelIdle !== undefined) return
    const { clock } = this.#engine
    const pause = Math.min(idleLookMs.most, Math.max(idleLookMs.least, idleMs / 4))
    this.#cancelIdle = clock.at(clock.now() + pause, () => void this.#lookForIdle(workers))
  }

  async #lookForIdle(workers: readonly PoolWorker[]): Promise<void> {
    const running = workers.filter(({ state }) => state === 'running')
    const watched = running.map((worker) => ({
      workerId: worker.workerId,
      worker: nameOf(worker),
      runningSince: worker.lastModified,
    }))
    await this.#idle.look(watched).catch(() => {})
    this.#cancelIdle = undefined
    await this.wake()
  }
}

/** The name under which a worker of a pool takes tasks. */
export function nameOf({ workerId, workerGroup }: Pick<PoolWorker, 'workerId' | 'workerGroup'>): string {
  return `${workerId}@${workerGroup}`
}

/** Whether others must know: that a worker was seen well again is written, but nothing has changed. */
function isNews({ workers, standing }: PoolPlan, page: PoolPage): boolean {
  const before = new Map(page.workers.map((worker) => [poolWorkerKey(worker), worker.state]))
  return standing !== page.standing || workers.some((worker) => before.get(poolWorkerKey(worker)) !== worker.state)
}
