/** Maintenance: lost workers, ended leases, passed deadlines, schedules and retention, by any process that works on the queue. */
import { type CancelTimer, decide, type ResolvedState, type Task, type TaskChange, type TaskEvent } from '@lovage/core'
import { dueChannel, schedulesChannel } from './channels.ts'
import type { Engine } from './engine.ts'
import type { QueueSchedules } from './queue-schedules.ts'
import { Turns } from './turns.ts'
import { switchOf, type WorkerRegistry } from './worker-registry.ts'

const pageSize = 500
/** Several processes wake at the same due time; a little disorder lets the first one do the work for all. */
const staggerMs = 50
const pruneEveryMs = 300_000
/** How long the workers of a machine that slept have to renew their leases, at the most. */
const longestGraceMs = 5000

/** A consumer of this process: as long as it renews, its leases are good. */
export interface OwnConsumer {
  readonly holder: string
  renew(): Promise<void>
}

/**
 * No process leads: every duty is a fenced or idempotent write, so doing it twice is harmless, and no leader's crash has to
 * be noticed before work goes on. A process sleeps until the next due time that the store knows of.
 */
export class Maintenance {
  readonly #engine: Engine
  readonly #schedules: QueueSchedules
  readonly #registry: WorkerRegistry
  readonly #own: Iterable<OwnConsumer>
  readonly #ends: (() => void)[] = []
  readonly #burials = new Turns()
  #started: Promise<void> | undefined
  #cancel: CancelTimer | undefined
  #nextAt = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined
  #pruning: Promise<void> | undefined
  #again = false
  #closed = false
  #prunedAt = 0

  constructor(engine: Engine, schedules: QueueSchedules, registry: WorkerRegistry, own: Iterable<OwnConsumer>) {
    this.#engine = engine
    this.#schedules = schedules
    this.#registry = registry
    this.#own = own
  }

  /** Begins; harmless when it has begun. Resolves when crashes are being watched for. */
  async start(): Promise<void> {
    this.#started ??= this.#start()
    try {
      await this.#started
    } catch (error) {
      // The next one who needs it tries again.
      this.#started = undefined
      for (const end of this.#ends.splice(0)) end()
      throw error
    }
  }

  /** The slow check that makes up for lost signals and finds workers that died while nobody watched. */
  check(): void {
    if (this.#started === undefined || this.#closed) return
    this.#wake()
    void this.#buryTheDead()
      .then(() => this.#registry.check())
      .catch((error: unknown) => this.#complain(error))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    this.#registry.close()
    for (const end of this.#ends) end()
    await this.#running
    await this.#pruning
  }

  async #start(): Promise<void> {
    const { signal, liveness } = this.#engine
    this.#ends.push(await signal.subscribe(dueChannel, (message) => this.#sleepUntil(Number(message))))
    this.#ends.push(await signal.subscribe(schedulesChannel, () => this.#wake()))
    if (liveness !== undefined) {
      this.#ends.push(
        await liveness.watch(async (holder) => {
          if (!this.#closed) await this.#bury(holder)
        }),
      )
    }
    await this.#buryTheDead().catch((error: unknown) => this.#complain(error))
    this.#wake()
  }

  async #buryTheDead(): Promise<void> {
    const { liveness } = this.#engine
    if (liveness === undefined) return
    const known = await this.#registry.list()
    for (const holder of await liveness.lost([...new Set(known.map(switchOf))])) await this.#registry.bury(holder)
  }

  /**
   * Complains, and lets whoever said it know that it was not done. Where two notice a death the second looks when the first is done:
   * both at once would wait for each other.
   */
  async #bury(holder: string): Promise<void> {
    try {
      await this.#burials.take(holder, () => this.#registry.bury(holder))
    } catch (error) {
      this.#complain(error)
      throw error
    }
  }

  #wake(): void {
    if (this.#closed) return
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#again) {
        this.#again = false
        this.#wake()
      }
    })
  }

  async #run(): Promise<void> {
    const { clock, settings } = this.#engine
    this.#cancel?.()
    this.#nextAt = Number.POSITIVE_INFINITY
    try {
      const due = await this.#sweep()
      const scheduled = await this.#schedules.fire(clock.now())
      this.#pruning ??= this.#prune().finally(() => {
        this.#pruning = undefined
      })
      for (const at of [due, scheduled]) if (at !== undefined) this.#sleepUntil(at)
    } catch (error) {
      this.#complain(error)
      this.#sleepUntil(clock.now() + settings.safetyMs)
    }
  }

  /** Resolves overdue tasks and answers when the next one is due. */
  async #sweep(): Promise<number | undefined> {
    const { store, clock, announcer, settings } = this.#engine
    for (let mayRenew = true; ; ) {
      const now = clock.now()
      const reply = await store.sweep(now, pageSize)
      announcer.ready(reply.ready)
      if (mayRenew && (await this.#renewOwn(reply.overdue))) {
        mayRenew = false
        continue
      }
      const done = await this.#expire(reply.overdue, now)
      if (reply.overdue.length < pageSize) return reply.nextAt
      // All of them are kept by transactions of others, or were somebody else's work.
      if (done === 0) return now + settings.leaseMs / 3
    }
  }

  /** After a suspend or a step of the clock this process may find its own live workers overdue: they renew instead. */
  async #renewOwn(overdue: readonly Task[]): Promise<boolean> {
    const holders = new Set(overdue.map((task) => task.holder))
    const own = [...this.#own].filter((consumer) => holders.has(consumer.holder))
    await Promise.all(own.map((consumer) => consumer.renew()))
    return own.length > 0
  }

  /** Answers how many it resolved or gave to others. */
  async #expire(overdue: readonly Task[], now: number): Promise<number> {
    const { store, announcer, logger } = this.#engine
    const tasks: Task[] = []
    const changes: TaskChange[] = []
    for (const task of overdue) {
      const isLate = task.deadline !== undefined && task.deadline <= now
      const event: TaskEvent = isLate ? { type: 'deadline' } : { type: 'lost', how: 'expired' }
      const decision = decide(task, event, now)
      if (!decision.ok) continue
      tasks.push(task)
      const fence = { from: task.state, run: task.run, ...(isLate ? {} : { takenUntil: task.takenUntil }) }
      changes.push({ id: task.id, ...fence, patch: decision.patch })
    }
    if (changes.length === 0) return 0
    // A transaction of a user's may keep one of them for long: nobody else is to wait for it.
    const reply = await store.update(changes, { kept: 'pass' })
    announcer.ripple(reply)
    tasks.forEach((task, index) => {
      if (reply.applied[index] !== true) return
      const change = changes[index] as TaskChange
      announcer.changed(task, change.patch)
      if (change.patch.state === 'pending') {
        announcer.pending([task])
        logger.warn({ task: task.id, worker: task.worker }, `the lease of ${task.name} ended; it runs again elsewhere`)
      } else announcer.resolved([task.id])
      if (task.holder !== undefined) {
        announcer.abort(task.holder, [
          { id: task.id, run: task.run, reason: change.patch.reason === 'deadline-exceeded' ? 'deadline' : 'lost' },
        ])
      }
    })
    return reply.applied.filter((applied) => applied).length
  }

  /** Removes history that is older than the retention, now and then. */
  async #prune(): Promise<void> {
    try {
      await this.#pruneWhenTime()
    } catch (error) {
      this.#complain(error)
    }
  }

  async #pruneWhenTime(): Promise<void> {
    const { clock, settings } = this.#engine
    const now = clock.now()
    if (now - this.#prunedAt < pruneEveryMs) return
    this.#prunedAt = now
    const { completedMs, failedMs, exceptionMs, resultMs } = settings.retention
    await this.#pruneAll('completed', now - completedMs, 'task')
    await this.#pruneAll('failed', now - failedMs, 'task')
    await this.#pruneAll('exception', now - exceptionMs, 'task')
    if (resultMs < completedMs) await this.#pruneAll('completed', now - resultMs, 'result')
  }

  async #pruneAll(state: ResolvedState, before: number, what: 'task' | 'result'): Promise<void> {
    while (!this.#closed && (await this.#engine.store.prune({ state, before, what, limit: pageSize })) >= pageSize);
  }

  #sleepUntil(at: number): void {
    if (this.#closed || !(at < this.#nextAt)) return
    this.#cancel?.()
    this.#nextAt = at
    const { clock, random } = this.#engine
    this.#cancel = clock.at(at + Math.floor(random() * staggerMs), () => this.#wakeAfter(clock.now() - at))
  }

  /** Who wakes very late has slept, and so has everybody on this machine: the others renew first. */
  #wakeAfter(late: number): void {
    const { clock, settings } = this.#engine
    if (late < settings.leaseMs / 2) this.#wake()
    else this.#cancel = clock.at(clock.now() + Math.min(settings.leaseMs / 3, longestGraceMs), () => this.#wake())
  }

  #complain(error: unknown): void {
    if (!this.#closed) this.#engine.logger.error({ err: error }, 'maintenance was interrupted; it goes on at the next check')
  }
}
