/** Keeps one pool: looks when something may have changed, decides, writes the decision, and only then launches and stops. */
import {
  type CancelTimer,
  type ControlBus,
  type Launcher,
  type ProvidedPool,
  poolWorkerName,
  type WorkerPools,
} from '@lovage/core'
import { readyChannel } from '../channels.ts'
import type { Engine } from '../engine.ts'
import type { WorkerRegistry } from '../worker-registry.ts'
import { IdleWatch } from './idle-watch.ts'
import { limitsOf, type PoolPlan, planPool } from './plan-pool.ts'
import { PoolBook } from './pool-book.ts'
import { PoolHands } from './pool-hands.ts'
import { PoolScout } from './pool-scout.ts'
import { PoolTeller } from './pool-teller.ts'

/** Between two looks because of pending tasks, so that a flood of them does not cost a look for each. */
const hintGapMs = 100
/** How soon to look again when the store could not be reached. */
const troubleGapMs = 3000
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
  /** Called when a launch has ended, or a worker. */
  changed(): void
}

export class PoolKeeper {
  readonly #engine: Engine
  readonly #ties: KeeperTies
  readonly #provided: ProvidedPool
  readonly #book: PoolBook
  readonly #scout: PoolScout
  readonly #hands: PoolHands
  readonly #teller: PoolTeller
  readonly #idle: IdleWatch
  readonly #ends: (() => void)[] = []
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
    const { launcher, registry, holder, control, report } = ties
    this.#engine = engine
    this.#ties = ties
    this.#provided = provided
    this.#book = new PoolBook(engine.store.records, provided.workerPoolId)
    this.#scout = new PoolScout(engine, registry, provided, holder)
    const changed = () => {
      void this.wake()
      ties.changed()
    }
    this.#hands = new PoolHands({ launcher, provided, logger: engine.logger, changed })
    this.#teller = new PoolTeller(engine, provided.workerPoolId, report)
    this.#idle = new IdleWatch(control, engine.clock)
  }

  /** Begins to listen for pending tasks and looks for the first time. */
  async open(): Promise<void> {
    const { signal } = this.#engine
    for (const queue of this.#provided.queues) {
      this.#ends.push(await signal.subscribe(readyChannel(queue), (message) => message === '' && this.#hint()))
    }
    await this.wake()
  }

  /** Whether a launch is under way. */
  get isLaunching(): boolean {
    return this.#hands.isLaunching
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

  /** The connection was gone for a while, and looks saw less than there is. */
  cutOff(): void {
    this.#scout.cutOff()
  }

  /** A worker of this launcher has ended; of another pool's it matters nothing. */
  exited(workerId: string, reason: string): void {
    this.#hands.exited(workerId, reason)
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
        this.#scout.cutOff()
        const { logger, clock } = this.#engine
        const pool = this.#provided.workerPoolId
        logger.error({ error, pool }, 'a worker pool could not be looked after; it is tried again')
        this.#sleepUntil(clock.now() + troubleGapMs)
      }
    }
  }

  async #look(): Promise<void> {
    const { launcher, holder, providerId } = this.#ties
    const page = await this.#book.read()
    const { launched, exits } = await this.#hands.inventory()
    const seen = await this.#scout.look(page.workers, launched)
    const plan = planPool({
      now: this.#engine.clock.now(),
      provided: this.#provided,
      providerId,
      self: { holder, group: launcher.group },
      closing: this.#closing,
      page,
      ...seen,
      exits,
      idleSince: this.#idle.idleSince,
    })
    if ((await this.#book.write(page, plan)) === 'refused') {
      this.#again = true
      return
    }
    this.#hands.settle(exits)
    this.#hands.act(plan)
    this.#teller.tell(page, plan)
    this.#full = plan.full
    this.#cancelSleep?.()
    if (plan.nextAt !== undefined) this.#sleepUntil(plan.nextAt)
    this.#watchIdle(plan, limitsOf(page.pool).idleMs)
  }

  #sleepUntil(at: number): void {
    this.#cancelSleep?.()
    this.#cancelSleep = this.#engine.clock.at(at, () => void this.wake())
  }

  /** Runs only while there are workers that could be spared. */
  #watchIdle(plan: PoolPlan, idleMs: number | undefined): void {
    if (!plan.shrinkable || idleMs === undefined || this.#closing) {
      this.#cancelIdle?.()
      this.#cancelIdle = undefined
      return
    }
    const { clock } = this.#engine
    const pause = Math.min(idleLookMs.most, Math.max(idleLookMs.least, idleMs / 4))
    this.#cancelIdle ??= clock.at(clock.now() + pause, () => void this.#lookForIdle())
  }

  async #lookForIdle(): Promise<void> {
    try {
      const { workers } = await this.#book.read()
      const running = workers.filter(({ state }) => state === 'running')
      await this.#idle.look(
        running.map((worker) => ({
          workerId: worker.workerId,
          worker: poolWorkerName(worker),
          runningSince: worker.lastModified,
        })),
      )
    } catch (error) {
      if (!this.#closed) this.#engine.logger.warn({ error }, 'workers could not be asked whether they are idle')
    }
    this.#cancelIdle = undefined
    await this.wake()
  }
}
