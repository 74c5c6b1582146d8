/** Runs tasks in the pool: starts them, keeps their time limits, stops them, and settles what they end with. */
import { type Clock, failureFrom, type Outcome, type Random } from '@lovage/core'
import type { EventDesk } from './event-desk.ts'
import { InFlight } from './in-flight.ts'
import { outcomeOf, stoppedOutcome } from './outcome-of.ts'
import type { JobEnd, Pool } from './pool.ts'
import { PoolTrouble } from './pool-trouble.ts'
import { HandlerTime } from './prefetch.ts'
import { prevented } from './prevented.ts'
import type { RevokedIds } from './revoked-ids.ts'
import type { Settler } from './settler.ts'
import { softTimeout, stopError } from './stop-errors.ts'
import type { StopCause, TaskRun } from './task-run.ts'

export interface RunnerOptions {
  readonly worker: string
  readonly clock: Clock
  readonly random: Random
  readonly pool: Pool
  readonly settler: Settler
  readonly revoked: RevokedIds
  readonly desk: EventDesk
  /** How long a handler may go on after its signal fired, in milliseconds; then it is killed or left behind. */
  readonly graceMs: number
  readonly report: (error: unknown) => void
  /** A place has become free. */
  readonly onFree: () => void
}

export class Runner {
  /** Runs that hold a place. */
  readonly active = new Set<TaskRun>()
  /** Runs whose handler goes on although nobody waits for it any more. */
  readonly lingering = new Set<TaskRun>()
  readonly handlerTime = new HandlerTime()
  readonly inFlight = new InFlight()
  /** Runs begun so far. */
  started = 0
  readonly #options: RunnerOptions
  readonly #trouble: PoolTrouble

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#trouble = new PoolTrouble({ clock: options.clock, report: options.report, pool: options.pool.name })
  }

  start(run: TaskRun, now: number): void {
    run.stage = 'running'
    this.active.add(run)
    this.inFlight.begin()
    try {
      const told = this.#options.pool.handsOn === true ? undefined : run.delivery.accept()
      if (told === undefined) this.#begin(run, now)
      else void this.#beginTold(run, told)
    } catch (error) {
      this.#giveBack(run, error)
    }
  }

  /** Begins a run whose broker must know of it first. What stops it meanwhile keeps it from beginning. */
  async #beginTold(run: TaskRun, told: Promise<boolean>): Promise<void> {
    try {
      const isOurs = await told
      if (!isOurs && !run.disowned) run.disown('lost')
      if (run.stage !== 'running') return this.#leave(run)
      const { clock, random, revoked } = this.#options
      const now = clock.now()
      const outcome = run.stopped === undefined ? prevented(run.message, revoked, now) : stoppedOutcome(run, run.stopped, random)
      if (outcome === undefined) this.#begin(run, now)
      else this.#finish(run, outcome)
    } catch (error) {
      if (run.stage === 'running') this.#giveBack(run, error)
      else this.#leave(run)
    }
  }

  #begin(run: TaskRun, now: number): void {
    const { pool, desk, worker } = this.#options
    run.startedAt = now
    run.task.started++
    this.started++
    const running = pool.run({ message: run.message, worker }, run)
    run.running = running
    if (pool.handsOn !== true) this.#limit(run, now)
    desk.began(run)
    void this.#follow(run, running.end)
  }

  #giveBack(run: TaskRun, error: unknown): void {
    this.#options.report(error)
    this.#finish(run, outcomeOf(run, { type: 'unbegun', failure: failureFrom(error) }, this.#options.random))
  }

  /** Stops a run. With `force` it is killed at once where the pool can, and settled at once where it cannot. */
  stop(run: TaskRun, cause: StopCause, force: boolean, graceMs = this.#options.graceMs): void {
    if (run.stage !== 'running') return
    if (run.stopped === undefined || cause.type === 'disowned') run.stopped = cause
    run.cancelTimers()
    const reason = stopError(cause, run.message.id)
    run.running?.abort(reason)
    if (force && run.running?.kill(reason) === true) return
    if (force) this.#close(run, stoppedOutcome(run, cause, this.#options.random))
    const { clock } = this.#options
    run.addTimer(clock.at(clock.now() + graceMs, () => this.#abandon(run, cause)))
  }

  /** Stops every run for a cold stop. Handlers that go on although their runs are settled have no more than its grace, either. */
  shutDown(graceMs: number): void {
    const { clock } = this.#options
    const cause = { type: 'shutdown' } as const
    for (const run of this.active) {
      if (run.stage === 'running') this.stop(run, cause, false, graceMs)
      else run.addTimer(clock.at(clock.now() + graceMs, () => this.#abandon(run, cause)))
    }
  }

  /** Kills a run, or leaves its handler behind and frees its place. */
  #abandon(run: TaskRun, cause: StopCause): void {
    if (!this.active.has(run)) return
    if (run.running?.kill(stopError(cause, run.message.id)) === true) return
    this.lingering.add(run)
    if (run.stage === 'running') this.#close(run, stoppedOutcome(run, cause, this.#options.random))
    this.#vacate(run)
  }

  #limit(run: TaskRun, now: number): void {
    const { clock } = this.#options
    const { message, task } = run
    const limitMs = message.timeoutMs ?? task.hardMs
    const softMs = message.softTimeoutMs ?? task.softMs
    if (softMs !== undefined) {
      run.addTimer(clock.at(now + softMs, () => run.running?.abort(softTimeout(softMs, message.id))))
    }
    if (limitMs !== undefined) {
      run.addTimer(clock.at(now + limitMs, () => this.stop(run, { type: 'timeout', limitMs }, true)))
    }
  }

  async #follow(run: TaskRun, end: Promise<JobEnd>): Promise<void> {
    let ended: JobEnd
    try {
      ended = await end
    } catch (error) {
      // Pools promise not to reject; one that does has lost the run.
      ended = { type: 'died', failure: failureFrom(error) }
    }
    if (ended.type === 'unbegun' && run.stopped === undefined) this.#trouble.add(run.message.name, ended.failure)
    if (run.stage === 'running') {
      this.#finish(run, outcomeOf(run, ended, this.#options.random))
    } else this.#leave(run)
  }

  /** Ends what is left of a run that was settled before. */
  #leave(run: TaskRun): void {
    this.lingering.delete(run)
    run.cancelTimers()
    this.#vacate(run)
  }

  #finish(run: TaskRun, outcome: Outcome): void {
    this.#close(run, outcome)
    this.#vacate(run)
  }

  #vacate(run: TaskRun): void {
    if (!this.active.delete(run)) return
    this.inFlight.end()
    this.#options.onFree()
  }

  /** Settles a run once; from here on its handler has no say. */
  #close(run: TaskRun, outcome: Outcome): void {
    const runtimeMs = run.startedAt === 0 ? undefined : this.#options.clock.now() - run.startedAt
    run.stage = 'ended'
    if (run.timers !== undefined) run.cancelTimers()
    if (runtimeMs !== undefined) {
      this.handlerTime.add(runtimeMs)
      run.task.runtimes.add(runtimeMs)
    }
    if (run.stopped?.type === 'disowned') this.#options.desk.disowned(run, run.stopped.reason)
    else void this.#settle(run, outcome, runtimeMs)
  }

  async #settle(run: TaskRun, outcome: Outcome, runtimeMs: number | undefined): Promise<void> {
    const { settler, desk } = this.#options
    const counted = await settler.settle(run, outcome)
    run.task.outcomes[(counted ?? outcome).type]++
    if (counted !== undefined) desk.ended(run, counted, runtimeMs)
  }
}
