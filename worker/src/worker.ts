/** The Worker: takes tasks from a broker, runs them in a pool, settles them, and can be seen and steered meanwhile. */
import { EventEmitter } from 'node:events'
import {
  type Broker,
  BugError,
  type Clock,
  ConfigError,
  type Consumer,
  type Logger,
  type RevokeReason,
  shown,
} from '@lovage/core'
import { Autoscaler } from './autoscaler.ts'
import { ColdStop } from './cold-stop.ts'
import { comingBack, sentAway } from './coming-back.ts'
import { modulesWith } from './default-modules.ts'
import type { EventDesk } from './event-desk.ts'
import type { Intake } from './intake.ts'
import { Lamport } from './lamport.ts'
import type { CommandHandler, Module, StopOptions, WorkerLoad, WorkerSettings, WorkerSurface } from './module.ts'
import type { Pool } from './pool.ts'
import { Prefetch } from './prefetch.ts'
import { RevokedIds } from './revoked-ids.ts'
import type { Runner } from './runner.ts'
import type { Settler } from './settler.ts'
import { holdProcess } from './system-clock.ts'
import type { RegisteredTask } from './task-registry.ts'
import type { TaskRun } from './task-run.ts'
import type { WorkerEvents } from './worker-events.ts'
import { type WorkerOptions, wholeNumber, workerSetup } from './worker-options.ts'
import { workerParts } from './worker-parts.ts'

/** How long a warm stop waits for the broker before it says so, in milliseconds. */
const untoldMs = 5000

/**
 * Runs tasks for one broker. Emits `ready`, `error`, `fatal`, `end`, `exit`, the task events, `worker.dispatch.{type}` and
 * `worker.pidbox.{method}`. One start and one stop in a life.
 */
export class Worker extends EventEmitter<WorkerEvents> implements WorkerSurface {
  readonly name: string
  readonly broker: Broker
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: Pool
  readonly settings: WorkerSettings
  readonly registry: ReadonlyMap<string, RegisteredTask>
  readonly modules: readonly Module[]
  readonly commands = new Map<string, CommandHandler>()
  readonly lamport = new Lamport()
  readonly revoked = new RevokedIds()
  readonly autoscaler = new Autoscaler()
  readonly events: EventDesk
  readonly #settler: Settler
  readonly #runner: Runner
  readonly #intake: Intake
  readonly #prefetch: Prefetch
  readonly #queues: Set<string>
  #concurrency: number
  #startedAt = 0
  #releaseProcess: () => void = () => {}
  #consumer: Consumer | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  readonly #cold: ColdStop

  /** @throws {ConfigError} OPTION_INVALID, NAME_INVALID, DURATION_INVALID, DEFINITION_DUPLICATE, DEFINITION_INVALID, MODULE_INVALID */
  constructor(options: WorkerOptions) {
    super()
    const setup = workerSetup(options)
    this.name = setup.name
    this.broker = options.broker
    this.clock = setup.clock
    this.logger = setup.logger
    this.pool = setup.pool
    this.settings = setup.settings
    this.registry = setup.registry
    this.modules = modulesWith(options.modules ?? [])
    this.#queues = new Set(setup.queues)
    this.#cold = new ColdStop(setup.clock, setup.settings.coldGraceMs)
    this.#concurrency = setup.concurrency
    const parts = workerParts(this, setup, {
      onFree: () => this.#freed(),
      onHeld: () => this.#tune(),
      onSkip: (names) => this.#consumer?.skip?.(names),
    })
    this.events = parts.events
    this.#settler = parts.settler
    this.#runner = parts.runner
    this.#intake = parts.intake
    this.#prefetch = new Prefetch(setup.prefetch, setup.concurrency)
    if (setup.autoscale !== undefined) this.autoscaler.set(setup.autoscale)
  }

  get concurrency(): number {
    return this.#concurrency
  }

  get prefetch(): number {
    return this.#prefetch.told
  }

  get queues(): readonly string[] {
    return [...this.#queues]
  }

  /** Epoch milliseconds; 0 before the start. */
  get startedAt(): number {
    return this.#startedAt
  }

  get paused(): boolean {
    return this.#intake.paused
  }

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  get load(): WorkerLoad {
    return {
      active: this.#runner.active.size,
      reserved: this.#intake.waiting,
      scheduled: this.#intake.scheduled().length,
      lingering: this.#runner.lingering.size,
      processed: this.#runner.started,
    }
  }

  active(): readonly TaskRun[] {
    return [...this.#runner.active]
  }

  reserved(): readonly TaskRun[] {
    return this.#intake.reserved()
  }

  scheduled(): readonly TaskRun[] {
    return this.#intake.scheduled()
  }

  /** Adds a remote control command, or puts it in place of a built-in one. */
  command(name: string, handler: CommandHandler): this {
    this.commands.set(name, handler)
    return this
  }

  /** Tells all workers: each emits `worker.dispatch.{type}` with these fields. */
  dispatch(type: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.events.dispatch(type, fields)
  }

  /**
   * Resolves when the worker consumes. Calling again changes nothing.
   * @throws {ConfigError} UNSUPPORTED after `stop`; and whatever keeps it from starting, also emitted as `fatal`: UNSUPPORTED for a cold stop
   */
  start(): Promise<void> {
    if (this.#stopping !== undefined && this.#starting === undefined) {
      return Promise.reject(new ConfigError('UNSUPPORTED', 'expected a new Worker to start, got one that was stopped'))
    }
    this.#starting ??= this.#start()
    return this.#starting
  }

  /**
   * Ends the worker. Warm: nothing new begins, what was only reserved goes back, what runs is waited for. Cold: what runs
   * is aborted and goes back; calling it with `cold` turns a warm stop that still waits into a cold one. While the worker
   * starts, a warm stop waits for that first, and a cold one ends it. Resolves after `exit`, never rejects.
   */
  stop(options: StopOptions = {}): Promise<void> {
    if (options.cold === true) this.#cold.pull()
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Stops taking tasks and gives back what was only reserved, until `resume`. */
  pause(): void {
    if (this.#intake.paused) return
    this.#intake.paused = true
    this.#consumer?.pause()
    this.#giveBack((run) => run.stage !== 'scheduled')
  }

  resume(): void {
    if (!this.#intake.paused) return
    this.#intake.paused = false
    if (this.#stopping === undefined) this.#consumer?.resume()
    this.#intake.fill()
  }

  resize(concurrency: number): void {
    this.#concurrency = wholeNumber(concurrency, 'concurrency')
    this.pool.resize(concurrency)
    this.#tune()
    this.#intake.fill()
  }

  async addQueue(queue: string): Promise<void> {
    await this.#consumer?.addQueue(queue)
    this.#queues.add(queue)
  }

  async cancelQueue(queue: string): Promise<void> {
    await this.#consumer?.cancelQueue(queue)
    this.#queues.delete(queue)
  }

  revoke(ids: readonly string[], options: { readonly terminate?: boolean; readonly signal?: string } = {}): readonly string[] {
    const wanted = new Set(ids)
    const matches = (run: TaskRun) => wanted.has(run.message.id)
    this.revoked.add(ids, this.clock.now())
    const waiting = this.#intake.withdraw(matches)
    for (const run of waiting) this.#intake.drop(run, { type: 'cancelled', message: 'revoked' })
    const running = options.terminate === true ? this.active().filter(matches) : []
    for (const run of running) this.#runner.stop(run, { type: 'terminated', signal: options.signal ?? 'SIGTERM' }, true)
    return [...waiting, ...running].map((run) => run.message.id)
  }

  refreshLimits(): void {
    this.#intake.fill()
  }

  report(error: unknown): void {
    const told = error instanceof Error ? error : new BugError('BUG', `something threw what is no error: ${shown(error)}`)
    if (this.listenerCount('error') > 0) this.tell('error', told)
    else this.logger.error({ error: told, worker: this.name }, 'recovered')
  }

  tell<Name extends keyof WorkerEvents>(name: Name, ...args: WorkerEvents[Name]): void {
    try {
      this.emit(name as never, ...(args as never))
    } catch (error) {
      this.logger.error({ error, worker: this.name }, `a listener of ${name} threw`)
    }
  }

  async #start(): Promise<void> {
    this.#releaseProcess = holdProcess()
    try {
      this.#startedAt = this.clock.now()
      await this.#open()
      this.tell('ready')
    } catch (error) {
      await this.#close()
      if (this.listenerCount('fatal') > 0) this.tell('fatal', error as Error)
      else this.logger.error({ error, worker: this.name }, 'cannot start')
      throw error
    }
  }

  async #open(): Promise<void> {
    await this.#cold.step(
      `the pool (${this.pool.name})`,
      () => this.pool.start(),
      () => this.pool.close(),
    )
    this.pool.resize(this.#concurrency)
    for (const module of this.modules) {
      await this.#cold.step(
        `the module ${module.name}`,
        () => module.start(this),
        () => module.stop(),
      )
    }
    this.autoscaler.start(this)
    const consumer = await this.#cold.step(
      `the broker (${this.broker.name})`,
      () => this.#consume(),
      (late) => late.close(),
    )
    this.#consumer = consumer
    this.#prefetch.bind(consumer)
    this.pool.drawFrom?.(consumer)
    if (this.#intake.skipped.length > 0) consumer.skip?.(this.#intake.skipped)
    if (this.#intake.paused) consumer.pause()
  }

  #consume(): Promise<Consumer> {
    return this.broker.tasks.consume(
      {
        queues: this.queues,
        prefetch: this.#prefetch.told,
        worker: this.name,
        tasks: [...this.registry.values()].map((task) => task.published()),
        everyTask: this.pool.handsOn,
      },
      {
        deliver: (deliveries) => this.#intake.receive(deliveries),
        revoke: (taskId, run, reason) => this.#disown(taskId, run, reason),
        error: (error) => this.report(error),
        back: comingBack(this),
        over: sentAway(this),
      },
    )
  }

  async #stop(): Promise<void> {
    const hasStarted = await this.#starting?.then(
      () => true,
      () => false,
    )
    if (hasStarted !== true) return
    this.#intake.ending = true
    this.#consumer?.pause()
    this.autoscaler.stop()
    this.tell('end')
    this.#giveBack(() => true)
    await Promise.race([this.#drained(), this.#cold.pulled])
    if (this.#cold.isPulled) await this.#abortAll()
    await this.#close()
    this.tell('exit')
  }

  async #drained(): Promise<void> {
    await this.#runner.inFlight.none()
    // As a rule they are taken within moments.
    const cancel = this.clock.at(this.clock.now() + untoldMs, () => this.#tellUntold())
    await this.#settler.inFlight.none()
    cancel()
  }

  #tellUntold(): void {
    if (this.#cold.isPulled) return
    const { count } = this.#settler.inFlight
    const words =
      'waiting for the broker to take what became of tasks that have run; a cold stop, a second Ctrl-C, lets them run again'
    this.logger.warn({ tasks: count, worker: this.name }, words)
  }

  async #abortAll(): Promise<void> {
    this.#runner.shutDown(this.settings.coldGraceMs)
    // Twice the grace: once for handlers to end, once for the broker to take the outcomes.
    await this.#cold.limit(this.#drained())
    this.#settler.giveUp()
  }

  async #close(): Promise<void> {
    this.autoscaler.stop()
    await this.#cold.limit(this.#closeAll())
    this.#releaseProcess()
  }

  async #closeAll(): Promise<void> {
    for (const module of this.modules.toReversed()) await this.#attempt(() => module.stop())
    await this.#attempt(() => this.pool.close())
    await this.#attempt(() => this.#consumer?.close())
  }

  async #attempt(action: () => unknown): Promise<void> {
    try {
      await action()
    } catch (error) {
      this.report(error)
    }
  }

  #giveBack(matches: (run: TaskRun) => boolean): void {
    const now = this.clock.now()
    for (const run of this.#intake.withdraw(matches)) {
      const delayMs = Math.max(0, (run.message.at ?? 0) - now)
      this.#intake.drop(run, delayMs > 0 ? { type: 'released', delayMs } : { type: 'released' })
    }
  }

  #disown(taskId: string, runNumber: number, reason: RevokeReason): void {
    const matches = ({ delivery }: { delivery: TaskRun['delivery'] }) =>
      delivery.message.id === taskId && delivery.message.run === runNumber
    for (const run of this.active()) if (matches(run)) this.#runner.stop(run, { type: 'disowned', reason }, false)
    for (const run of this.#intake.withdraw(matches)) this.#intake.disown(run, reason)
    for (const item of this.#settler.insisting) if (matches(item)) item.disown(reason)
  }

  #freed(): void {
    if (this.#prefetch.isDue()) this.#tune()
    this.#intake.fill()
  }

  #tune(): void {
    const reach = this.autoscaler.range?.max ?? 0
    this.#prefetch.tune(Math.max(this.#concurrency, reach), this.#runner.handlerTime.mean, this.#intake.held)
  }
}
