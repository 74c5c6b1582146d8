/** What a worker holds and has not begun: sorts deliveries by what they wait for, and begins the next when there is a place. */
import { type Clock, ConfigError, type Delivery, failureFrom, type Outcome, type RevokeReason } from '@lovage/core'
import type { EventDesk } from './event-desk.ts'
import { LimitedLines, mostInLine } from './limited-lines.ts'
import { prevented } from './prevented.ts'
import { ReservedQueue } from './reserved-queue.ts'
import type { RevokedIds } from './revoked-ids.ts'
import type { Runner } from './runner.ts'
import type { Settler } from './settler.ts'
import type { RegisteredTask } from './task-registry.ts'
import { type HandlerDesk, TaskRun, type Unsettled } from './task-run.ts'
import { Turn } from './turn.ts'

/** A task of a name that the worker does not know goes back for this long, in milliseconds. */
const unknownDelayMs = 10_000

export interface IntakeOptions {
  readonly clock: Clock
  readonly registry: ReadonlyMap<string, RegisteredTask>
  readonly revoked: RevokedIds
  readonly runner: Runner
  readonly settler: Settler
  readonly desk: EventDesk
  readonly handlerDesk: HandlerDesk
  readonly concurrency: () => number
  readonly report: (error: Error) => void
  /** `held` has changed. */
  readonly onHeld: () => void
  /** Deliveries of these names should not come for now. */
  readonly onSkip: (names: readonly string[]) => void
}

export class Intake {
  /** Nothing begins; what comes goes back, but for what waits for its time. */
  paused = false
  /** What comes goes back. */
  ending = false
  readonly #options: IntakeOptions
  readonly #turn = new Turn(() => this.fill())
  readonly #reserved = new ReservedQueue<TaskRun>()
  readonly #scheduled = new Set<TaskRun>()
  readonly #limited: LimitedLines

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#limited = new LimitedLines({
      clock: options.clock,
      onSkip: options.onSkip,
      onOpen: () => this.fill(),
    })
  }

  /** Deliveries that wait for a time of their own and should not keep others from coming. */
  get held(): number {
    return this.#scheduled.size + this.#limited.count
  }

  /** The names whose deliveries should not come for now. */
  get skipped(): readonly string[] {
    return this.#limited.skipped
  }

  /** Deliveries that wait for a place. */
  get waiting(): number {
    return this.#reserved.size
  }

  reserved(): readonly TaskRun[] {
    return [...this.#reserved.list(), ...this.#limited.list()]
  }

  scheduled(): readonly TaskRun[] {
    return [...this.#scheduled]
  }

  receive(deliveries: readonly Delivery[]): void {
    const now = this.#options.clock.now()
    for (const delivery of deliveries) this.#take(delivery, now)
    this.fill()
  }

  /**
   * Begins what may begin. What has waited in a line goes before what is reserved, since it came before it; so a run out of
   * the reserved ones whose gate is open has nobody before it.
   */
  fill(): void {
    if (this.paused || this.ending) return
    const { runner, clock, concurrency, onHeld } = this.#options
    const places = concurrency()
    const { held } = this
    while (runner.active.size < places && this.#limited.count + this.#reserved.size > 0) {
      const now = clock.now()
      if (this.#turn.isSpent(now)) break
      const run = this.#limited.shift(now) ?? this.#reserved.shift()
      if (run === undefined) break
      if (this.#mayBegin(run, now)) runner.start(run, now)
    }
    this.#limited.watch(clock.now())
    if (this.held !== held) onHeld()
  }

  /** Takes out the runs that match, wherever they wait; what becomes of them is the caller's. */
  withdraw(matches: (run: TaskRun) => boolean): readonly TaskRun[] {
    const taken = [...this.#reserved.remove(matches), ...this.#limited.remove(matches)]
    for (const run of this.#scheduled) {
      if (!matches(run)) continue
      this.#scheduled.delete(run)
      run.cancelTimers()
      taken.push(run)
    }
    for (const run of taken) run.stage = 'ended'
    if (taken.length > 0) this.#options.onHeld()
    return taken
  }

  /** Settles a run that has not begun. */
  drop(run: TaskRun, outcome: Outcome): void {
    run.stage = 'ended'
    run.task.outcomes[outcome.type]++
    void this.#settle(run, outcome)
  }

  /** Lets go of a run that the broker took back before it began. */
  disown(run: TaskRun, reason: RevokeReason): void {
    run.disown(reason)
    this.#options.desk.disowned(run, reason)
  }

  async #settle(run: TaskRun, outcome: Outcome): Promise<void> {
    const { settler, desk } = this.#options
    const counted = await settler.settle(run, outcome)
    if (counted !== undefined) desk.ended(run, counted, undefined)
  }

  #take(delivery: Delivery, now: number): void {
    const { registry, desk, revoked, handlerDesk } = this.#options
    const { message } = delivery
    const task = registry.get(message.name)
    if (task === undefined) {
      this.#refuseUnknown(delivery)
      return
    }
    const run = new TaskRun(delivery, task, handlerDesk)
    if (desk.wants('task-received')) desk.received(run)
    if (this.ending) this.drop(run, { type: 'released' })
    else if (revoked.size > 0 && revoked.has(message.id)) this.drop(run, { type: 'cancelled', message: 'revoked' })
    else if (message.at !== undefined && message.at > now) this.#schedule(run, message.at)
    else this.#reserve(run)
  }

  /** While paused, others shall have it. */
  #reserve(run: TaskRun): void {
    run.stage = 'reserved'
    if (this.paused) this.drop(run, { type: 'released' })
    else this.#reserved.push(run)
  }

  #refuseUnknown(delivery: Delivery): void {
    const { registry, report, settler } = this.#options
    const { id, name } = delivery.message
    const known = [...registry.keys()].join(', ')
    const text = `expected only tasks that this worker knows (${known}), got: ${name}; it goes back to its queue`
    const error = new ConfigError('UNSUPPORTED', text, { subject: id })
    report(error)
    const outcome: Outcome = { type: 'released', delayMs: unknownDelayMs, failure: failureFrom(error) }
    void settler.settle(new UnknownTask(delivery), outcome)
  }

  #schedule(run: TaskRun, at: number): void {
    run.stage = 'scheduled'
    this.#scheduled.add(run)
    const cancel = this.#options.clock.at(at, () => {
      this.#scheduled.delete(run)
      run.timers = undefined
      this.#reserve(run)
      this.#options.onHeld()
      this.fill()
    })
    run.addTimer(cancel)
    this.#options.onHeld()
  }

  #mayBegin(run: TaskRun, now: number): boolean {
    const outcome = prevented(run.message, this.#options.revoked, now)
    if (outcome !== undefined) {
      this.drop(run, outcome)
      return false
    }
    const { gate } = run.task
    if (gate === undefined || gate.pass(now)) return true
    if (!this.#limited.add(run)) this.drop(run, { type: 'released', delayMs: gate.sendAway(now, mostInLine) })
    return false
  }
}

class UnknownTask implements Unsettled {
  readonly delivery: Delivery
  disowned = false
  wake: (() => void) | undefined

  constructor(delivery: Delivery) {
    this.delivery = delivery
  }

  disown(): void {
    this.disowned = true
    this.wake?.()
  }
}
