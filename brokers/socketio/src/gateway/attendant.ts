/** Attends to one worker: claims for it what it has room for, hands it over, and settles what it reports. */
import {
  type Abandoned,
  type CancelTimer,
  type DeskWatch,
  formatDuration,
  type RunRef,
  type Task,
  type TaskEvent,
} from '@lovage/core'
import type { Socket } from 'socket.io'
import type { HeartbeatAnswer, HeartbeatFrame, ProgressFrame } from '../wire/held-run.ts'
import { eventNames } from '../wire/names.ts'
import type { HeldTask, Pause, Registration } from '../wire/registration.ts'
import type { SettlementAnswer } from '../wire/settlement.ts'
import { decodeTaskAnswer } from '../wire/task.ts'
import { handOver, type Offer } from './hand-over.ts'
import { runOf } from './identity.ts'
import type { Parting, Report } from './report.ts'
import { Session } from './session.ts'
import { insist, type Surroundings } from './surroundings.ts'
import { takeBack } from './take-back.ts'
import { taskFrame } from './task-frame.ts'
import { frameInput } from './task-properties.ts'
import { declinedEvent, doneEvent, failEvent, malformedEvent, type Retrying, timeoutEvent, unreadableEvent } from './verdict.ts'

/** Who is attended to. */
export interface Attended {
  readonly registration: Registration
  readonly holder: string
  /** `name@host`. */
  readonly worker: string
}

/** What an attendant tells its gateway. */
export interface AttendantHome {
  /** The worker says that it is broken. */
  broken(attendant: Attendant, reason: string): void
  /** A run of it is over. */
  settled(attendant: Attendant): void
  /** The worker is gone for good; what it had is elsewhere. */
  gone(attendant: Attendant): void
}

/** How long a claim waits before it is made anew. */
const claimWaitMs = 3_600_000
/** Of what was given elsewhere so much is given back; its leases end the rest. */
const mostForgotten = 1000
/** What goes wrong at a claim is tried again after so long. */
const claimAgainMs = 1000

export class Attendant {
  readonly who: Attended
  readonly session: Session
  readonly #around: Surroundings
  readonly #home: AttendantHome
  readonly #retrying: Retrying
  #socket: Socket | undefined
  #watch: DeskWatch | undefined
  /** How many tasks a claim on its way asks for. */
  #claiming: number | undefined
  /** Ends a claim on its way. */
  #unclaim = new AbortController()
  #cancelGrace: CancelTimer | undefined
  #alarm: { readonly at: number; readonly cancel: CancelTimer } | undefined
  #losing: Promise<void> | undefined
  #isPumping = false
  /** It is registered on its present socket: nothing is claimed for it while it is still looked for what it has. */
  #isWelcome = false
  #isOver = false
  /** Its connection was not closed, it went mute: the process at the other end may be well. */
  wentMute = false

  constructor(who: Attended, around: Surroundings, home: AttendantHome) {
    const { settings, random } = around
    const { level, capacity, features } = who.registration
    this.who = who
    this.#around = around
    this.#home = home
    this.#retrying = { policy: settings.retry, random }
    this.session = new Session({
      capacity,
      ackMs: features.includes('ack') ? settings.ackMs : undefined,
      silenceMs: features.includes('lease') ? settings.leaseMs : undefined,
      quietRunMs: settings.quietRunMs,
      cancelMs: level === 1 && features.includes('cancel') ? settings.cancelMs : undefined,
    })
  }

  get socket(): Socket | undefined {
    return this.#socket
  }

  /** Resolves once the worker's runs have gone elsewhere; undefined while they are its own. */
  get losing(): Promise<void> | undefined {
    return this.#losing
  }

  /** Begins to hear of runs that are to be abandoned. */
  async open(): Promise<void> {
    const { holder, worker: name, registration } = this.who
    const seen = {
      name,
      holder,
      host: name.slice(name.lastIndexOf('@') + 1),
      queues: registration.queues,
      tasks: [],
      everyTask: true,
      graceMs: this.#around.settings.orphanMs,
    }
    this.#watch = await this.#around.desk.watch(seen, (abandoned) => this.#abandoned(abandoned))
  }

  /** The worker is there, on this socket. Nothing is claimed before it is welcome. */
  attach(socket: Socket): void {
    this.#isWelcome = false
    this.#unclaim.abort()
    this.#cancelGrace?.()
    this.#socket = socket
    this.wentMute = false
    this.session.attach()
  }

  /** What it has is known. */
  welcome(): void {
    this.#isWelcome = true
    this.pump()
  }

  /** Its socket is closed: it may come back within the grace, unless it took leave. */
  detach({ tookLeave, wentMute }: Parting): void {
    const { clock, settings } = this.#around
    this.#socket = undefined
    this.wentMute = wentMute
    this.session.detach()
    this.#pump()
    if (tookLeave || settings.graceMs === 0) this.lose()
    else this.#cancelGrace = clock.at(clock.now() + settings.graceMs, () => this.lose())
  }

  /** It does not come back: what it has goes elsewhere now. */
  lose(): void {
    const { holder, registration } = this.who
    this.#cancelGrace?.()
    this.#losing ??= takeBack(this.#around, { id: registration.id, holder, watch: this.#watch }).then(() => this.#end())
  }

  /** Nothing is claimed any more. Its runs stay its own until their lease ends: it may take them up at another gateway. */
  async close(): Promise<void> {
    this.session.detach()
    this.#cancelGrace?.()
    this.#unclaim.abort()
    this.#alarm?.cancel()
    await this.#watch?.end()
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
    const { clock, closing } = this.#around
    if (closing.aborted || this.#isOver) return
    this.#setAlarm()
    const room = this.#isWelcome ? this.session.room(clock.now()) : 0
    if (this.#claiming !== undefined) {
      if (room < this.#claiming) this.#unclaim.abort()
    } else if (room > 0) void this.#claim(room)
  }

  /** Takes up the runs that the worker still has. Answers which are its own. */
  async takeUp(held: readonly HeldTask[]): Promise<readonly string[]> {
    const { desk, admin, clock, settings } = this.#around
    const { holder } = this.who
    const runs = held.flatMap(({ id, lease }) => {
      const run = runOf(lease)
      return run === undefined ? [] : [{ id, run }]
    })
    if (runs.length === 0) return []
    const { held: own } = await desk.renew({ holder, runs, leaseMs: settings.leaseMs })
    const tasks = await admin.get(own.map(({ id }) => id))
    return tasks.flatMap((task, index) => {
      if (task?.state !== 'running' || task.holder !== holder || task.run !== own[index]?.run) return []
      this.session.adopt(task, clock.now())
      return [task.id]
    })
  }

  /** Gives back what the worker should have and does not name: what was given to it here, or elsewhere before it came here. */
  async giveBackAllBut(named: ReadonlySet<string>): Promise<void> {
    for (const task of this.session.forgotten(named)) this.#settleLater(task, { type: 'released' })
    const { holder } = this.who
    const { tasks } = await this.#around.admin.find({ holder, states: ['running'], limit: mostForgotten })
    for (const task of tasks) {
      if (!named.has(task.id) && !this.session.has(task)) this.#settleLater(task, { type: 'released' })
    }
  }

  /** Keeps the leases of the worker's runs. */
  async renew(): Promise<void> {
    const { desk, settings } = this.#around
    const runs = this.session.held
    if (runs.length === 0) return
    const { held } = await desk.renew({ holder: this.who.holder, runs, leaseMs: settings.leaseMs })
    const own = new Set(held.map(({ id, run }) => `${run} ${id}`))
    for (const run of runs) if (!own.has(`${run.run} ${run.id}`)) this.#abandoned({ ...run, reason: 'lost' })
  }

  /** What the worker reports of a run. The answer comes when it is written. */
  async judge({ type, frame }: Report): Promise<SettlementAnswer> {
    const meeting = this.session.report(frame.id, frame.lease)
    if ('code' in meeting) {
      // One that was not its own any more has left its place.
      this.pump()
      return { ok: false, code: meeting.code }
    }
    if (type === 'done') return this.#settle(meeting.task, doneEvent(meeting.task, frame))
    // Before its place is free: the task is to go elsewhere.
    if (frame.pause !== false) this.#home.broken(this, frame.results)
    return this.#settle(meeting.task, failEvent(meeting.task, frame, this.#retrying))
  }

  /** A frame that settles a run of the worker's, and cannot be read: no better one will come. */
  unreadable(id: string, reason: string): void {
    const meeting = this.session.report(id, undefined)
    if ('task' in meeting) this.#settleLater(meeting.task, unreadableEvent(meeting.task, reason, this.#retrying))
  }

  heartbeat({ id, lease }: HeartbeatFrame): HeartbeatAnswer {
    const now = this.#around.clock.now()
    if (!this.session.heartbeat(id, lease, now)) return { ok: false, code: 'lost' }
    return { ok: true, expires: new Date(now + this.#around.settings.leaseMs).toJSON() }
  }

  progress({ id, lease, percent, message, data }: ProgressFrame): void {
    const task = this.session.progress(id, lease, this.#around.clock.now())
    if (task === undefined) return
    const isNumber = percent !== undefined && message === undefined && data === undefined
    const progress = isNumber ? percent : { percent, message, data }
    const line = message === undefined ? undefined : { level: 'info' as const, text: message }
    this.#around.desk.note(task, { progress, line })
  }

  /** No tasks until then. A worker of L1 is told when it is over. */
  pause(pause: Pause): void {
    this.session.pauseUntil(Date.parse(pause.until))
    this.say(`paused until ${pause.until}: ${pause.reason}`)
    if (this.who.registration.level === 1) this.#socket?.emit(eventNames.pause, pause)
    this.pump()
  }

  resume(): void {
    this.session.pauseUntil(0)
    if (this.who.registration.level === 1) this.#socket?.emit(eventNames.resume, {})
    this.pump()
  }

  /** Tells the worker's user. */
  say(text: string): void {
    this.#socket?.emit(eventNames.error, text)
  }

  #end(): void {
    this.#isOver = true
    void this.close()
    this.session.clear()
    this.#home.gone(this)
  }

  async #claim(limit: number): Promise<void> {
    const { desk, logger, settings, clock, checks } = this.#around
    const { holder, worker, registration } = this.who
    if (this.#unclaim.signal.aborted) this.#unclaim = new AbortController()
    const { signal } = this.#unclaim
    this.#claiming = limit
    let tasks: readonly Task[] = []
    try {
      const wish = { queues: registration.queues, holder, worker, limit, leaseMs: settings.leaseMs, waitMs: claimWaitMs }
      tasks = await desk.claim({ ...wish, signal })
      await checks.judge(tasks, frameInput)
    } catch (error) {
      if (this.#around.closing.aborted) return
      logger.error({ err: error, worker }, `claiming tasks failed; tried again in ${formatDuration(claimAgainMs)}`)
      this.session.holdBackUntil(clock.now() + claimAgainMs)
    } finally {
      this.#claiming = undefined
    }
    const offers: Offer[] = []
    for (const task of tasks) {
      if (!signal.aborted && this.session.room(clock.now()) > 0) offers.push(...this.#offer(task))
      else this.#settleLater(task, { type: 'released' })
    }
    if (this.#socket !== undefined) {
      handOver(this.#socket, registration.features, offers, (task, answer) => this.#answered(task, answer))
    }
    this.pump()
  }

  /** The task is the worker's, unless it can be sent to none. */
  #offer(task: Task): readonly Offer[] {
    const { clock, settings, checks } = this.#around
    const properties = checks.properties(task, this.who.registration)
    if (!properties.ok) {
      this.#settleLater(task, malformedEvent(task, properties.reason))
      return []
    }
    const now = clock.now()
    this.session.take(task, now)
    return [{ task, frame: taskFrame(task, properties.frame, { level: this.who.registration.level, now, settings }) }]
  }

  #answered(task: Task, answer: unknown): void {
    const decoded = decodeTaskAnswer(answer)
    if (!decoded.ok) this.say(`answer to ${eventNames.task} of ${task.id}: ${decoded.reason}`)
    const said = decoded.ok ? decoded.frame : ({ accepted: true } as const)
    if (said.accepted) this.session.accepted(task, this.#around.clock.now())
    else {
      if (said.code === 'draining') this.session.drain()
      this.#declined(task, declinedEvent(task, said), said.code === 'invalid')
    }
  }

  /** @param isWell the worker did right: it gets the next one at once */
  #declined(task: Task, event: TaskEvent, isWell = false): void {
    const { clock, settings } = this.#around
    const declined = this.session.declined(task, isWell ? 0 : clock.now() + settings.ackMs)
    if (declined !== undefined) this.#settleLater(declined, event)
  }

  #abandoned(abandoned: Abandoned): void {
    if (!this.session.abandoned(abandoned, this.#around.clock.now())) return
    this.#cancel(abandoned, abandoned.reason)
    this.pump()
  }

  #cancel({ id }: Pick<RunRef, 'id'>, reason: string): void {
    if (this.who.registration.features.includes('cancel')) this.#socket?.emit(eventNames.cancel, { id, reason })
  }

  /** Waits for the next thing that happens by time alone. */
  #setAlarm(): void {
    const { clock } = this.#around
    const at = this.session.nextAt
    if (this.#alarm !== undefined && at !== undefined && this.#alarm.at <= at) return
    this.#alarm?.cancel()
    this.#alarm = at === undefined ? undefined : { at, cancel: clock.at(at, () => this.#ring()) }
  }

  #ring(): void {
    this.#alarm = undefined
    const now = this.#around.clock.now()
    for (const { task, how } of this.session.overdue(now)) {
      const { id, run, extras } = task
      if (how === 'unanswered') {
        this.#declined(task, { type: 'released' })
        this.#cancel(task, 'not acknowledged in time')
        continue
      }
      this.session.abandoned({ id, run }, now)
      this.#cancel(task, how === 'timeout' ? 'timeout' : 'lost')
      const event: TaskEvent =
        how === 'timeout' ? timeoutEvent(task, extras?.timeoutMs ?? 0, this.#retrying) : { type: 'lost', how: 'expired' }
      void this.#write(task, event)
    }
    this.pump()
  }

  #settleLater(task: Task, event: TaskEvent): void {
    void this.#settle(task, event)
  }

  /** Never rejects: what cannot be written before the gateway closes is left to the lease. */
  async #settle(task: Task, event: TaskEvent): Promise<SettlementAnswer> {
    this.pump()
    const counted = await this.#write(task, event)
    this.session.settled(task)
    this.#home.settled(this)
    this.pump()
    return counted ? { ok: true } : { ok: false, code: 'lost' }
  }

  #write(task: Task, event: TaskEvent): Promise<boolean> {
    const { desk } = this.#around
    return insist(this.#around, `settling task ${task.id}`, () => desk.settle(task, event)).catch(() => false)
  }
}
