/** One worker as the gateway knows it, without its socket: which runs it has, for how many more there is room, and what ends a run. */
import type { Abandoned, RunRef, Task } from '@lovage/core'
import { EndedRuns } from './ended-runs.ts'
import { leaseOf } from './identity.ts'

/** Times are epoch milliseconds, lengths milliseconds. */
export interface SessionRules {
  readonly capacity: number
  /** How long the worker has to say that it takes a task, which until then is only offered; undefined: it does not say so. */
  readonly ackMs?: number | undefined
  /** How long a run goes on without a heartbeat; undefined for a worker that gives none. */
  readonly silenceMs?: number | undefined
  /** How long a run of a worker without heartbeats may take whose task has no limit of its own. */
  readonly quietRunMs: number
  /** How long a worker that can be told to cancel has for an answer; undefined: it cannot be told. */
  readonly cancelMs?: number | undefined
}

/** `abandoned`: it belongs to the worker no more, whose handler still keeps its place. */
type RunState = 'offered' | 'running' | 'settling' | 'abandoned'

interface Run {
  readonly task: Task
  state: RunState
  readonly since: number
  heardAt: number
  /** When an abandoned run leaves its place. */
  leavesAt: number
}

/** A run whose time is over. */
export interface Overdue {
  readonly task: Task
  /** `silent`: its worker says nothing of it any more. `unanswered`: it has not said that it takes it. */
  readonly how: 'timeout' | 'silent' | 'unanswered'
}

/** What a frame that settles a run meets. */
export type Meeting = { readonly task: Task } | { readonly code: 'lost' | 'unknown' | 'duplicate' }

const progressPerSecond = 10

export class Session {
  readonly #rules: SessionRules
  readonly #runs = new Map<string, Run>()
  readonly #ended = new EndedRuns()
  #capacity: number
  #isDraining = false
  #pausedUntil = 0
  #heldBackUntil = 0
  /** How many of the runs are being settled. */
  #settling = 0
  /** Nothing happens by time alone before it. */
  #nextAt = Number.POSITIVE_INFINITY
  /** Of the current second: when it began, and how much progress was told of which task. */
  #second = { since: 0, told: new Map<string, number>() }
  #isAttached = false
  readonly #taken = new Map<string, number>()

  constructor(rules: SessionRules) {
    this.#rules = rules
    this.#capacity = rules.capacity
  }

  get capacity(): number {
    return this.#capacity
  }

  /** The worker is connected. */
  get isAttached(): boolean {
    return this.#isAttached
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** The runs that are the worker's in the store. */
  get held(): readonly RunRef[] {
    return [...this.#runs.values()].flatMap(({ task, state }) => (state === 'abandoned' ? [] : [{ id: task.id, run: task.run }]))
  }

  /** Whether this run is known here, in whatever state. */
  has(ref: RunRef): boolean {
    return this.#find(ref) !== undefined
  }

  /** The tasks that it works on, those included that are only offered. */
  get running(): readonly string[] {
    return [...this.#runs].flatMap(([id, { state }]) => (state === 'offered' || state === 'running' ? [id] : []))
  }

  /** The same as they were taken. */
  get tasks(): readonly Task[] {
    return this.running.flatMap((id) => this.#runs.get(id)?.task ?? [])
  }

  /** How many tasks it was given, by name. */
  get taken(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#taken)
  }

  /** How many tasks more it takes now. */
  room(now: number): number {
    if (!this.#isAttached || this.#isDraining || now < this.#pausedUntil || now < this.#heldBackUntil) return 0
    return Math.max(0, this.#capacity - this.#busy)
  }

  /** When something may happen by time alone, room again or the end of a run; perhaps nothing does, and `overdue` tells anew. */
  get nextAt(): number | undefined {
    return Number.isFinite(this.#nextAt) ? this.#nextAt : undefined
  }

  attach(): void {
    this.#isAttached = true
  }

  /** What was offered may have reached it: it says so when it comes back. */
  detach(): void {
    this.#isAttached = false
    for (const run of this.#runs.values()) if (run.state === 'offered') run.state = 'running'
  }

  pauseUntil(time: number): void {
    this.#pausedUntil = time
    this.#wakeAt(time)
  }

  drain(): void {
    this.#isDraining = true
  }

  /** The worker says for how many more it has room. */
  offer(free: number): void {
    this.#capacity = this.#busy + free
  }

  /** It gets a task. An older run of the same that it still has is not its own any more. */
  take(task: Task, now: number): void {
    this.#taken.set(task.name, (this.#taken.get(task.name) ?? 0) + 1)
    this.#add(task, this.#rules.ackMs === undefined ? 'running' : 'offered', now)
  }

  /** It comes back with a run that is still its own. */
  adopt(task: Task, now: number): void {
    const known = this.#runs.get(task.id)
    if (known?.task.run === task.run) this.#heard(known, now)
    else this.#add(task, 'running', now)
  }

  accepted(ref: RunRef, now: number): void {
    const run = this.#find(ref)
    if (run?.state === 'offered') this.#heard(run, now)
  }

  /** It did not take an offered task: undefined when it is not offered any more. Nothing is offered to it before `heldBackUntil`. */
  declined(ref: RunRef, heldBackUntil = 0): Task | undefined {
    const run = this.#find(ref)
    if (run?.state !== 'offered') return undefined
    this.holdBackUntil(heldBackUntil)
    this.#settle(run)
    return run.task
  }

  holdBackUntil(time: number): void {
    this.#heldBackUntil = Math.max(this.#heldBackUntil, time)
    this.#wakeAt(time)
  }

  /** Runs that it should have and does not name as it comes back. They are being settled from now on. */
  forgotten(named: ReadonlySet<string>): readonly Task[] {
    const runs = [...this.#runs.values()].filter(({ task, state }) => {
      return !named.has(task.id) && (state === 'offered' || state === 'running')
    })
    for (const run of runs) this.#settle(run)
    return runs.map(({ task }) => task)
  }

  /** What a frame meets that settles a run, matched by its task and, where it names one, its lease. The run is being settled then. */
  report(id: string, lease: string | undefined): Meeting {
    const run = this.#runs.get(id)
    if (run === undefined || (lease !== undefined && lease !== leaseOf(run.task.run))) {
      const ended = this.#ended.runOf(id)
      const isKnown = ended !== undefined && lease === leaseOf(ended)
      return { code: isKnown ? 'duplicate' : run === undefined ? 'unknown' : 'lost' }
    }
    if (run.state === 'settling') return { code: 'duplicate' }
    if (run.state === 'abandoned') {
      this.#drop(id)
      return { code: 'lost' }
    }
    this.#settle(run)
    return { task: run.task }
  }

  /** What became of the run is written, or is somebody else's by now. */
  settled(ref: RunRef): void {
    if (this.#find(ref) === undefined) return
    this.#drop(ref.id)
    this.#ended.add(ref)
  }

  /** The run is not the worker's any more: answers whether the worker is to be told. */
  abandoned({ id, run: number }: Pick<Abandoned, 'id' | 'run'>, now: number): boolean {
    const run = this.#runs.get(id)
    if (run === undefined || (number !== undefined && run.task.run !== number)) return false
    if (run.state === 'settling' || run.state === 'abandoned') return false
    run.state = 'abandoned'
    const { cancelMs, quietRunMs } = this.#rules
    run.leavesAt = cancelMs === undefined ? run.since + (run.task.extras?.timeoutMs ?? quietRunMs) : now + cancelMs
    this.#wakeAt(run.leavesAt)
    return true
  }

  /** The end of its lease moves: false when the run is not the worker's. */
  heartbeat(id: string, lease: string, now: number): boolean {
    const run = this.#runs.get(id)
    if (run === undefined || leaseOf(run.task.run) !== lease || run.state === 'abandoned') return false
    this.#heard(run, now)
    return true
  }

  /** The task that progress is told of; undefined when it is not the worker's, or there was too much of it in this second. */
  progress(id: string, lease: string | undefined, now: number): Task | undefined {
    const run = this.#runs.get(id)
    if (run === undefined || run.state === 'abandoned' || run.state === 'settling') return undefined
    if (lease !== undefined && lease !== leaseOf(run.task.run)) return undefined
    if (now - this.#second.since >= 1000) this.#second = { since: now, told: new Map() }
    const told = this.#second.told.get(id) ?? 0
    this.#second.told.set(id, told + 1)
    return told < progressPerSecond ? run.task : undefined
  }

  /** Runs that have taken too long, or of which nothing is heard; abandoned ones that never answered leave their place. */
  overdue(now: number): readonly Overdue[] {
    const overdue: Overdue[] = []
    this.#nextAt = Number.POSITIVE_INFINITY
    for (const at of [this.#pausedUntil, this.#heldBackUntil]) if (at > now) this.#wakeAt(at)
    for (const [id, run] of this.#runs) {
      const end = this.#endOf(run)
      if (now < end) this.#wakeAt(end)
      else if (run.state === 'abandoned') this.#drop(id)
      else overdue.push({ task: run.task, how: this.#howOverdue(run, now) })
    }
    return overdue
  }

  /** It is gone, and what it had is elsewhere. */
  clear(): void {
    this.#runs.clear()
    this.#settling = 0
  }

  /** The places that are taken: one whose end is on its way to the store is free. */
  get #busy(): number {
    return this.#runs.size - this.#settling
  }

  #add(task: Task, state: 'offered' | 'running', now: number): void {
    this.#drop(task.id)
    const run = { task, state, since: now, heardAt: now, leavesAt: Number.POSITIVE_INFINITY }
    this.#runs.set(task.id, run)
    this.#wakeAt(this.#endOf(run))
  }

  #settle(run: Run): void {
    run.state = 'settling'
    this.#settling++
  }

  #drop(id: string): void {
    if (this.#runs.get(id)?.state === 'settling') this.#settling--
    this.#runs.delete(id)
  }

  #wakeAt(time: number): void {
    this.#nextAt = Math.min(this.#nextAt, time)
  }

  #endOf(run: Run): number {
    if (run.state === 'abandoned') return run.leavesAt
    if (run.state === 'settling') return Number.POSITIVE_INFINITY
    return Math.min(this.#timeoutAt(run), this.#silentAt(run), this.#unansweredAt(run))
  }

  #howOverdue(run: Run, now: number): Overdue['how'] {
    if (now >= this.#timeoutAt(run)) return 'timeout'
    return now >= this.#unansweredAt(run) ? 'unanswered' : 'silent'
  }

  #unansweredAt({ state, since }: Run): number {
    return state === 'offered' ? since + (this.#rules.ackMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  }

  #timeoutAt({ task, since }: Run): number {
    return since + (task.extras?.timeoutMs ?? Number.POSITIVE_INFINITY)
  }

  #silentAt({ task, since, heardAt }: Run): number {
    const { silenceMs, quietRunMs } = this.#rules
    if (silenceMs !== undefined) return heardAt + silenceMs
    return task.extras?.timeoutMs === undefined ? since + quietRunMs : Number.POSITIVE_INFINITY
  }

  #heard(run: Run, now: number): void {
    run.heardAt = now
    if (run.state === 'offered') run.state = 'running'
  }

  #find({ id, run: number }: RunRef): Run | undefined {
    const run = this.#runs.get(id)
    return run?.task.run === number ? run : undefined
  }
}
