/** Stands for one Worker at the desk and on the buses: claims what it takes, hands it over, and settles what it tells. */
import {
  type Abandoned,
  type CancelTimer,
  type DeskWatch,
  type DeskWorker,
  formatDuration,
  LovageError,
  type RunRef,
  type Task,
  type TaskEvent,
} from '@lovage/core'
import type { Socket } from 'socket.io'
import { batches } from '../../wire/batch.ts'
import type { RunNote } from '../../wire/delivered.ts'
import type { InflowFrame } from '../../wire/inflow.ts'
import { eventNames } from '../../wire/names.ts'
import type { OutcomeAnswer, SettledRun } from '../../wire/outcomes.ts'
import type { HeldTask, Registration } from '../../wire/registration.ts'
import type { Work } from '../../wire/work.ts'
import { runOf } from '../identity.ts'
import { insist, type Surroundings } from '../surroundings.ts'
import { takeBack } from '../take-back.ts'
import { definitionInput } from '../task-properties.ts'
import { malformedEvent } from '../verdict.ts'
import { type Commands, serveCommands } from './commands.ts'
import { deliveredTask, mostBytes } from './delivered-task.ts'
import { DeputyRuns, keyOf } from './deputy-runs.ts'
import { outcomeEvent } from './outcome-event.ts'
import { wasSettled } from './was-settled.ts'

/** How long a claim waits before it is made anew. */
const claimWaitMs = 3_600_000
/** What goes wrong at a claim is tried again after so long. */
const claimAgainMs = 1000
/** The most tasks of one claim. */
const claimLimit = 500
/** So many runs of which it does not know are given back as a worker comes. */
const mostForgotten = 1000

/** A registration with the feature `broker`. */
export type WorkRegistration = Registration & { readonly work: Work }

/** What is asked of the desk. */
interface Wish {
  readonly queues: readonly string[]
  readonly names: readonly string[] | undefined
}

export class Deputy {
  readonly holder: string
  readonly runs = new DeputyRuns()
  readonly #around: Surroundings
  readonly #gone: (deputy: Deputy) => void
  #registration: WorkRegistration
  #inflow: InflowFrame
  #socket: Socket | undefined
  #watch: DeskWatch | undefined
  #commands: Commands | undefined
  #claiming: { readonly limit: number; readonly wish: Wish; readonly gone: AbortController } | undefined
  #heldBack: CancelTimer | undefined
  #cancelGrace: CancelTimer | undefined
  #losing: Promise<void> | undefined
  #isDraining = false
  #isPumping = false
  /** What is asked for; undefined: nothing. */
  #wish: Wish | undefined
  #isWelcome = false

  /** @param gone called once when it is over and all is elsewhere */
  constructor(holder: string, registration: WorkRegistration, around: Surroundings, gone: (deputy: Deputy) => void) {
    this.holder = holder
    this.#registration = registration
    this.#inflow = { ...registration.work.inflow, queues: registration.queues }
    this.#around = around
    this.#gone = gone
  }

  /** The worker's, `name@host`. */
  get name(): string {
    return this.#registration.id
  }

  get registration(): WorkRegistration {
    return this.#registration
  }

  get inflow(): InflowFrame {
    return this.#inflow
  }

  get socket(): Socket | undefined {
    return this.#socket
  }

  /** Resolves once the worker's runs have gone elsewhere; undefined while they are its own. */
  get losing(): Promise<void> | undefined {
    return this.#losing
  }

  /** Begins to hear of runs that are to be abandoned, and of commands. */
  async open(): Promise<void> {
    this.#watch = await this.#around.desk.watch(this.#seen(), (abandoned) => this.#abandoned(abandoned))
    this.#commands = await serveCommands(this.#around, this.name, () => this.#socket)
  }

  /** The worker is there, on this socket. Nothing is claimed before `pump`. */
  attach(socket: Socket, registration: WorkRegistration): void {
    this.#cancelGrace?.()
    this.#isWelcome = false
    this.#claiming?.gone.abort()
    this.#socket = socket
    this.#registration = registration
    this.setInflow({ ...registration.work.inflow, queues: registration.queues })
  }

  /** What it has is known. */
  welcome(): void {
    this.#isWelcome = true
    this.pump()
  }

  /** Its socket is closed: it may come back within the grace, unless it took leave. */
  detach(tookLeave: boolean): void {
    const { clock, settings } = this.#around
    this.#socket = undefined
    this.#pump()
    if (tookLeave || settings.graceMs === 0) this.lose()
    else this.#cancelGrace = clock.at(clock.now() + settings.graceMs, () => this.lose())
  }

  /** It does not come back: what it has goes elsewhere now. */
  lose(): void {
    this.#cancelGrace?.()
    const gone = { id: this.name, holder: this.holder, watch: this.#watch }
    this.#losing ??= takeBack(this.#around, gone).then(() => {
      this.runs.clear()
      this.#gone(this)
      void this.close()
    })
  }

  /** Nothing is claimed any more. Its runs stay its own until their lease ends: it may take them up at another gateway. */
  async close(): Promise<void> {
    this.#socket = undefined
    this.#cancelGrace?.()
    this.#heldBack?.()
    this.#claiming?.gone.abort()
    await Promise.all([this.#watch?.end(), this.#commands?.end()])
  }

  /** Nothing is claimed from now on. */
  drain(): void {
    this.#isDraining = true
    this.pump()
  }

  /** The worker says what it takes from now on. */
  setInflow(inflow: InflowFrame): void {
    const hadQueues = this.#inflow.queues.join(' ')
    this.#inflow = inflow
    const wish = this.#newWish()
    // The same wish is the same object: a claim that waits goes on.
    if (JSON.stringify(wish) !== JSON.stringify(this.#wish)) this.#wish = wish
    if (hadQueues !== inflow.queues.join(' ')) this.#watch?.announce(this.#seen())
  }

  /** Claims if there is room, and stops claiming if there is none: once a turn. Called whenever that may have changed. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    setImmediate(() => {
      this.#isPumping = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#around.closing.aborted) return
    const limit = this.#room()
    const wish = this.#wish
    if (this.#claiming !== undefined) {
      if (limit < this.#claiming.limit || this.#claiming.wish !== wish) this.#claiming.gone.abort()
    } else if (limit > 0 && wish !== undefined && this.#heldBack === undefined) void this.#claim(limit, wish)
  }

  /** Takes up the runs that the worker still has. Answers which are its own. What it does not name goes back. */
  async takeUp(resume: readonly HeldTask[]): Promise<readonly string[]> {
    const { desk, admin, settings } = this.#around
    const refs = resume.flatMap(({ id, lease }) => {
      const run = runOf(lease)
      return run === undefined ? [] : [{ id, run }]
    })
    const named = new Set(refs.map(keyOf))
    for (const task of this.runs.forgotten(named)) void this.#write(task, { type: 'released' })
    // Given to it elsewhere, by a gateway that is gone, and never handed over.
    const { tasks: unnamed } = await admin.find({ holder: this.holder, states: ['running'], limit: mostForgotten })
    for (const task of unnamed) {
      if (!named.has(keyOf(task)) && !this.runs.has(task)) void this.#write(task, { type: 'released' })
    }
    if (refs.length === 0) return []
    const { held } = await desk.renew({ holder: this.holder, runs: refs, leaseMs: settings.leaseMs })
    const own = new Set(held.map(keyOf))
    const tasks = await admin.get(refs.map(({ id }) => id))
    return refs.flatMap((ref, index) => {
      const task = tasks[index]
      if (task?.state === 'running' && task.holder === this.holder && task.run === ref.run && own.has(keyOf(ref))) {
        this.runs.adopt(task)
      }
      // The outcome of others may be known already, here or in the store, and is told again.
      const isKnown = this.runs.taskOf(ref) !== undefined || this.runs.told(ref) !== undefined
      return isKnown || wasSettled(task, ref, this.name) ? [ref.id] : []
    })
  }

  /** Keeps the leases of the worker's runs. */
  async renew(): Promise<void> {
    const { desk, settings } = this.#around
    const runs = this.runs.held
    if (runs.length === 0) return
    const { held } = await desk.renew({ holder: this.holder, runs, leaseMs: settings.leaseMs })
    const own = new Set(held.map(keyOf))
    for (const run of runs) if (!own.has(keyOf(run))) this.#abandoned({ ...run, reason: 'lost' })
  }

  /** A run would begin: whether it may. */
  async begin(ref: RunRef): Promise<boolean> {
    const { desk } = this.#around
    const task = this.runs.taskOf(ref)
    if (task === undefined) return false
    if (task.startedAt !== undefined) return true
    const counted = await desk.settle(task, { type: 'begun' })
    if (counted) this.runs.begun(ref, desk.now())
    else if (this.runs.abandoned(ref) !== undefined) this.pump()
    return counted
  }

  note({ id, run, progress, line }: RunNote): void {
    const task = this.runs.taskOf({ id, run })
    if (task !== undefined) this.#around.desk.note(task, { progress, line })
  }

  /** How a run ended. The answer comes when it is written; the same may be told again. @throws when the gateway closes meanwhile */
  async settle(settled: SettledRun): Promise<OutcomeAnswer> {
    try {
      const counted = await (this.runs.told(settled) ?? this.#settle(settled))
      return counted ? { ok: true } : { ok: false, code: 'lost' }
    } catch (error) {
      if (LovageError.is(error) && !error.retryable) return { ok: false, code: 'invalid', message: error.rawMessage }
      throw error
    } finally {
      this.pump()
    }
  }

  #settle(settled: SettledRun): Promise<boolean> | boolean {
    const task = this.runs.taskOf(settled)
    if (task === undefined) return this.#wasSettled(settled)
    const now = this.#around.desk.now()
    const startedAt = settled.begunMsAgo === undefined ? undefined : now - settled.begunMsAgo
    const event = outcomeEvent(settled.outcome, startedAt, now)
    const written = this.#write(task, event).then((counted) => counted || this.#wasSettled(settled))
    const told = this.runs.settle(settled, written)
    // Its place is free: the next claim may ride in the same transaction.
    this.pump()
    return told
  }

  /** Of a run that is not in the books, or not the worker's any more: another gateway may have written it, and its answer was lost. */
  async #wasSettled(ref: RunRef): Promise<boolean> {
    const { admin } = this.#around
    const [task] = await insist(this.#around, `looking for task ${ref.id}`, () => admin.get([ref.id]))
    return wasSettled(task, ref, this.name)
  }

  #room(): number {
    const { paused, prefetch } = this.#inflow
    if (this.#socket === undefined || !this.#isWelcome || paused || this.#isDraining || this.#losing !== undefined) return 0
    return Math.min(claimLimit, Math.max(0, prefetch - this.runs.unsettled))
  }

  #newWish(): Wish | undefined {
    const { queues, resting, skipped } = this.#inflow
    const { tasks, everyTask } = this.#registration.work
    const awake = resting.length === 0 ? queues : queues.filter((queue) => !resting.includes(queue))
    const names = everyTask === true ? undefined : tasks.map(({ name }) => name).filter((name) => !skipped.includes(name))
    return awake.length === 0 || names?.length === 0 ? undefined : { queues: awake, names }
  }

  async #claim(limit: number, wish: Wish): Promise<void> {
    const { desk, logger, settings, clock, checks } = this.#around
    const gone = new AbortController()
    this.#claiming = { limit, wish, gone }
    let tasks: readonly Task[] = []
    try {
      const about = { holder: this.holder, worker: this.name, leaseMs: settings.leaseMs, saysBegin: true }
      tasks = await desk.claim({ ...wish, ...about, limit, waitMs: claimWaitMs, signal: gone.signal })
      await checks.judge(tasks, definitionInput)
    } catch (error) {
      if (this.#around.closing.aborted) return
      logger.error({ err: error, worker: this.name }, `claiming tasks failed; tried again in ${formatDuration(claimAgainMs)}`)
      this.#heldBack = clock.at(clock.now() + claimAgainMs, () => {
        this.#heldBack = undefined
        this.pump()
      })
    } finally {
      this.#claiming = undefined
    }
    this.#handOver(tasks, gone.signal)
    this.pump()
  }

  #handOver(tasks: readonly Task[], gone: AbortSignal): void {
    const frames = []
    for (const task of tasks) {
      const reason = this.#around.checks.refusal(task)
      const delivered = reason === undefined ? deliveredTask(task) : ({ ok: false, reason } as const)
      if (!delivered.ok) void this.#write(task, malformedEvent(task, delivered.reason))
      // It may have gone, have come back and said what it has, or have left the queue, while this was claimed.
      else if (gone.aborted || !this.#inflow.queues.includes(task.queue)) void this.#write(task, { type: 'released' })
      else {
        const older = this.runs.take(task)
        if (older !== undefined) this.#revoke({ ...older, reason: 'lost' })
        frames.push(delivered.frame)
      }
    }
    for (const batch of batches(frames, mostBytes)) this.#socket?.emit(eventNames.tasks, batch)
  }

  #abandoned(abandoned: Abandoned): void {
    const run = this.runs.abandoned(abandoned)
    if (run === undefined) return
    this.#revoke({ ...run, reason: abandoned.reason })
    this.pump()
  }

  #revoke(run: RunRef & Pick<Abandoned, 'reason'>): void {
    this.#socket?.emit(eventNames.revoke, [run])
  }

  #write(task: Task, event: TaskEvent): Promise<boolean> {
    const { desk } = this.#around
    const written = insist(this.#around, `settling task ${task.id}`, () => desk.settle(task, event))
    // Who does not wait for it leaves it to the lease.
    written.catch(() => {})
    return written
  }

  #seen(): DeskWorker {
    const { host, pid, tasks, everyTask } = this.#registration.work
    const graceMs = this.#around.settings.orphanMs
    return { name: this.name, holder: this.holder, host, pid, queues: this.#inflow.queues, tasks, everyTask, graceMs }
  }
}
