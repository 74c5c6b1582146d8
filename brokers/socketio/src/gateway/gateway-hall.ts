/** Where workers and their attendants meet: registrations, reports, leases and the end of all. */
import type { Socket } from 'socket.io'
import type { Pass } from '../tokens/pass.ts'
import { eventNames } from '../wire/names.ts'
import { type Feature, protocolVersion, type Registration } from '../wire/registration.ts'
import type { SettlementAnswer } from '../wire/settlement.ts'
import type { Attendant, AttendantHome } from './attendant.ts'
import { Deputies, isWork } from './deputies/deputies.ts'
import { takeMessages } from './deputies/post-office.ts'
import { showResults } from './deputies/result-window.ts'
import { isConnectionHolder, runOf } from './identity.ts'
import type { CommandsHome } from './item-commands.ts'
import type { PauseEntry } from './pause-book.ts'
import { Pauses, shownPause } from './pauses.ts'
import { type ReceptionHome, receive, type Welcome } from './reception.ts'
import { hostOf, Register } from './register.ts'
import type { HeldReport, Parting, Report } from './report.ts'
import type { SessionInfo } from './session-info.ts'
import { insist, type Surroundings } from './surroundings.ts'
import { heartbeatMs } from './task-frame.ts'

/** What workers may do that the least of L1 does not have. */
const features: readonly Feature[] = ['batch']

/** A worker that registers on a socket, with what it reported before. */
interface Arrival {
  readonly socket: Socket
  readonly registration: Registration
  readonly held: readonly HeldReport[]
}

/** What the hall asks of the door. */
export interface HallDoor {
  forbids(socket: Socket, registration: Registration): string | undefined
  registered(socket: Socket): void
  wasSentAway(socket: Socket): boolean
  tokenOf(socket: Socket): string | undefined
  passOf(socket: Socket): Pass
}

export class GatewayHall implements ReceptionHome, AttendantHome, CommandsHome {
  readonly #around: Surroundings
  readonly #door: HallDoor
  readonly #closing = new AbortController()
  readonly #register: Register
  readonly #pauses: Pauses
  readonly #deputies: Deputies
  /** Registrations of one worker follow one another. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #cancelRenewal: (() => void) | undefined
  #isDraining = false
  #whenIdle: (() => void) | undefined

  constructor(around: Omit<Surroundings, 'closing'>, door: HallDoor) {
    this.#door = door
    this.#around = { ...around, closing: this.#closing.signal }
    this.#register = new Register(this.#around, this)
    this.#pauses = new Pauses(this.#around, (id) => this.#register.of(id))
    this.#deputies = new Deputies(this.#around, () => this.settled())
    this.#renewLater()
  }

  get clock() {
    return this.#around.clock
  }

  get holdMs(): number {
    return this.#around.settings.holdMs
  }

  enter(socket: Socket): void {
    if (this.#isDraining) socket.conn.close()
    else {
      receive(socket, this)
      // Who sends and asks may stay without registering.
      const passOf = (one: Socket): Pass => {
        this.#door.registered(one)
        return this.#door.passOf(one)
      }
      takeMessages(socket, this.#around, passOf)
      showResults(socket, this.#around, passOf)
    }
  }

  sessions(): readonly SessionInfo[] {
    const items = this.#register.all().map(({ session, socket, who: { registration, holder, worker } }) => {
      const { id, level, queues, labels } = registration
      const token = socket && this.#door.tokenOf(socket)
      const pause = this.#pauses.get(id)
      return {
        ...{ id, level, holder, worker, queues, labels },
        capacity: session.capacity,
        running: session.running,
        connected: session.isAttached,
        draining: session.isDraining,
        ...(token === undefined ? {} : { token }),
        ...(pause === undefined ? {} : { paused: { until: new Date(pause.until), reason: pause.reason, count: pause.count } }),
      }
    })
    return [...items, ...this.#deputies.sessions((socket) => this.#door.tokenOf(socket))]
  }

  pause(id: string, ms: number, reason: string): Promise<void> {
    return this.#pauses.begin(id, { ms, reason, holder: '' })
  }

  pauseOf(id: string): PauseEntry | undefined {
    return this.#pauses.get(id)
  }

  resume(id: string): Promise<boolean> {
    return this.#pauses.end(id)
  }

  /** Others may have begun or ended pauses: of this worker, or of any. */
  async lookAtPauses(id?: string): Promise<void> {
    if (this.#register.all().length > 0) await this.#pauses.look(id)
  }

  broken(attendant: Attendant, reason: string): void {
    const { registration, holder, worker } = attendant.who
    this.#around.logger.warn({ worker, reason }, 'a worker rejected a task and is paused')
    void this.#pauses.broken(registration.id, holder, reason)
  }

  gone(attendant: Attendant): void {
    this.#register.remove(attendant)
    this.settled()
  }

  settled(): void {
    if (this.#whenIdle === undefined) return
    const books = [...this.#register.all().map(({ session }) => session), ...this.#deputies.all().map(({ runs }) => runs)]
    if (books.every(({ held }) => held.length === 0)) this.#whenIdle()
  }

  left(attendant: Attendant, socket: Socket, parting: Parting): void {
    // It may have come back on another socket before this one was seen to be closed.
    if (attendant.socket !== socket || this.#closing.signal.aborted) return
    attendant.detach(this.#door.wasSentAway(socket) ? { ...parting, tookLeave: true } : parting)
    const { id } = attendant.who.registration
    if (this.#register.of(id).every(({ session }) => !session.isAttached)) this.#pauses.left(id)
  }

  async register(socket: Socket, registration: Registration, held: readonly HeldReport[]): Promise<Welcome> {
    const { id } = registration
    const message = this.#door.forbids(socket, registration)
    if (message !== undefined) {
      this.#around.logger.warn({ worker: id, token: this.#door.tokenOf(socket), reason: message }, 'a worker may not register so')
      return { attendant: undefined, answer: { ok: false, code: 'forbidden', message } }
    }
    this.#door.registered(socket)
    const before = this.#turns.get(id) ?? Promise.resolve()
    const turn = before.then(() => this.#admit(socket, registration, held))
    const ended = turn
      .catch(() => {})
      .then(() => {
        if (this.#turns.get(id) === ended) this.#turns.delete(id)
      })
    this.#turns.set(id, ended)
    return turn.catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#around.logger.error({ err: error, worker: id }, 'registering a worker failed')
      // What it is told now would send it away for good: without a word it comes back, here or elsewhere.
      socket.conn.close()
      return {
        attendant: undefined,
        answer: { ok: false, code: 'forbidden', message: 'this server cannot register workers now' },
      }
    })
  }

  /** Results count by their task, whichever socket brings them. */
  async judge(attendant: Attendant, report: Report): Promise<SettlementAnswer> {
    const { id, level } = attendant.who.registration
    const task = report.frame.id
    const other = level === 1 ? undefined : this.#register.of(id).find(({ session }) => session.running.includes(task))
    const answer = await (other ?? attendant).judge(report)
    if (answer.ok || answer.code !== 'unknown') return answer
    return this.#judgeStranger(attendant, report)
  }

  async close(closeEntrance: () => void): Promise<void> {
    const { settings } = this.#around
    this.#isDraining = true
    const reason = 'this server is shutting down'
    for (const attendant of this.#register.all()) {
      attendant.session.drain()
      attendant.pump()
      if (attendant.who.registration.level === 1) attendant.socket?.emit(eventNames.drain, { reason })
      else attendant.say(reason)
    }
    for (const deputy of this.#deputies.all()) deputy.drain()
    if (settings.drainMs > 0) await this.#idle()
    this.#cancelRenewal?.()
    // A whole lease is theirs to take up elsewhere what they still run.
    await this.#renew()
    this.#closing.abort()
    closeEntrance()
    await this.#register.close()
    await this.#deputies.close()
    await this.#pauses.close()
  }

  /** Waits no longer for what workers run. */
  hurry(): void {
    this.#whenIdle?.()
  }

  /** Resolves when no worker has a task any more, or the time for that is over. */
  #idle(): Promise<void> {
    const { clock, settings } = this.#around
    return new Promise<void>((resolve) => {
      const cancel = clock.at(clock.now() + settings.drainMs, resolve)
      this.#whenIdle = () => {
        cancel()
        resolve()
      }
      this.settled()
    })
  }

  async #admit(socket: Socket, registration: Registration, held: readonly HeldReport[]): Promise<Welcome> {
    if (isWork(registration)) {
      return { attendant: undefined, ...(await this.#deputies.admit(socket, registration, this.#door.passOf(socket))) }
    }
    const attendant = await this.#register.admit(registration, hostOf(socket))
    try {
      return await this.#receive(attendant, { socket, registration, held })
    } catch (error) {
      // Nobody else will tell that this socket is gone.
      if (attendant.socket === socket) attendant.detach({ tookLeave: false, wentMute: false })
      throw error
    }
  }

  /** Takes up with a worker what it has, before it gets anything new. */
  async #receive(attendant: Attendant, { socket, registration, held }: Arrival): Promise<Welcome> {
    const { id, level, resume } = registration
    const { holder } = attendant.who
    const older = attendant.socket
    attendant.attach(socket)
    const check = this.#around.checks.registered(registration)
    if (!check.ok) attendant.say(`your tasks are not checked by this server: ${check.reason}`)
    older?.conn.close()
    const resumed = await insist(this.#around, `taking up the tasks of worker ${id}`, () => attendant.takeUp(resume))
    for (const { report, answer } of held) void this.judge(attendant, report).then(answer)
    const named = new Set([...resumed, ...held.map(({ report }) => report.frame.id)])
    if (level === 1) await insist(this.#around, `looking for tasks of worker ${id}`, () => attendant.giveBackAllBut(named))
    const pause = await insist(this.#around, `looking for a pause of worker ${id}`, () => this.#pauses.arrived(id, level, holder))
    attendant.session.pauseUntil(pause?.until ?? 0)
    if (pause !== undefined && level === 0) attendant.pause(shownPause(pause))
    const { leaseMs } = this.#around.settings
    const lost = resume.map((task) => task.id).filter((task) => !resumed.includes(task))
    const paused = pause === undefined ? null : shownPause(pause)
    const times = { heartbeatMs: heartbeatMs(leaseMs), leaseMs }
    return {
      attendant,
      answer: { ok: true, protocol: protocolVersion, session: socket.id, ...times, resumed, lost, paused, features },
    }
  }

  /** A result of a run that no session here has: of L0, a run that another gateway gave out is still the worker's. */
  async #judgeStranger(attendant: Attendant, report: Report): Promise<SettlementAnswer> {
    const { admin, clock } = this.#around
    const { id, level } = attendant.who.registration
    const { frame } = report
    const [found] = await insist(this.#around, `looking for task ${frame.id}`, () => admin.get([frame.id])).catch(() => [])
    // Of other queues a worker does not even learn what there is.
    const task = found && attendant.who.registration.queues.includes(found.queue) ? found : undefined
    if (level === 0 && task?.state === 'running' && isConnectionHolder(id, task.holder)) {
      attendant.session.adopt(task, clock.now())
      return attendant.judge(report)
    }
    const isSettled = task?.state === 'completed' || task?.state === 'failed'
    const isSame = isSettled && frame.lease !== undefined && runOf(frame.lease) === task.run
    const code = task === undefined ? 'unknown' : isSame ? 'duplicate' : 'lost'
    if (code === 'unknown') attendant.say(`result of task ${frame.id}: no such task was given to this worker`)
    return { ok: false, code }
  }

  #renewLater(): void {
    const { clock, settings } = this.#around
    this.#cancelRenewal = clock.at(clock.now() + settings.leaseMs / 3, () => {
      void this.#renew()
      this.#renewLater()
    })
  }

  /** The desk makes one call of it. What fails is tried at the next turn, twice before a lease ends. */
  async #renew(): Promise<void> {
    const renew = (keeper: Pick<Attendant, 'renew'>, worker: string): Promise<void> =>
      keeper.renew().catch((error: unknown) => {
        this.#around.logger.warn({ err: error, worker }, 'the leases of a worker could not be renewed')
      })
    await Promise.all([
      ...this.#register.all().map((attendant) => renew(attendant, attendant.who.worker)),
      ...this.#deputies.all().map((deputy) => renew(deputy, deputy.name)),
    ])
  }
}
