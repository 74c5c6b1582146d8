/** Receives one socket: what it says before it has registered is held, what it says afterwards goes to its attendant. */
import { type Clock, shown } from '@lovage/core'
import type { Socket } from 'socket.io'
import { decodeBatch } from '../wire/batch.ts'
import { decodeHeartbeat, decodeProgress } from '../wire/held-run.ts'
import { eventNames } from '../wire/names.ts'
import { decodeJoin, settlementOf } from '../wire/older.ts'
import type { Decoded } from '../wire/reader.ts'
import { decodeRegistration, type Registration, type RegistrationAnswer } from '../wire/registration.ts'
import { decodeDone, decodeFail, type SettlementAnswer } from '../wire/settlement.ts'
import { decodeCapacity } from '../wire/standing.ts'
import type { Attendant } from './attendant.ts'
import { complainer } from './complaints.ts'
import type { HeldReport, Parting, Report } from './report.ts'

/** What the gateway does about one socket. */
export interface ReceptionHome {
  readonly clock: Clock
  readonly holdMs: number
  /** Registers; the reports have been held for it. Answers its attendant, or why it is refused. */
  register(socket: Socket, registration: Registration, held: readonly HeldReport[]): Promise<Welcome>
  judge(attendant: Attendant, report: Report): Promise<SettlementAnswer>
  left(attendant: Attendant, socket: Socket, parting: Parting): void
}

export type Welcome =
  /** It is attended to elsewhere: nothing else that is received here is for it, but its leave. */
  | { readonly attendant: undefined; readonly answer: RegistrationAnswer & { readonly ok: true }; begin(): void }
  | { readonly attendant: Attendant; readonly answer: RegistrationAnswer & { readonly ok: true } }
  | { readonly attendant: undefined; readonly answer: RegistrationAnswer & { readonly ok: false } }

type Answer = (answer: unknown) => void

/** So many reports are held of a socket that has not registered. */
const mostHeld = 100

export function receive(socket: Socket, home: ReceptionHome): void {
  new Reception(socket, home).listen()
}

class Reception {
  readonly #socket: Socket
  readonly #home: ReceptionHome
  readonly #held: HeldReport[] = []
  #cancelHold: (() => void) | undefined
  #attendant: Attendant | undefined
  #registering: Promise<void> | undefined
  #isElsewhere = false
  #tookLeave = false
  readonly #complain: (text: string) => void

  constructor(socket: Socket, home: ReceptionHome) {
    this.#socket = socket
    this.#home = home
    this.#complain = complainer(socket, home.clock)
  }

  listen(): void {
    this.#on(eventNames.connect, (args, answer) => this.#register(eventNames.connect, decodeRegistration(args), answer))
    this.#on(eventNames.join, (args, answer) => this.#register(eventNames.join, decodeJoin(args), answer))
    this.#on(eventNames.done, (args, answer) => this.#done(args, answer))
    this.#on(eventNames.fail, (args, answer) => this.#fail(args, answer))
    this.#on(eventNames.batch, (args, answer) => this.#batch(args, answer))
    this.#on(eventNames.heartbeat, (args, answer) => {
      this.#read(eventNames.heartbeat, decodeHeartbeat(args), (frame) => answer(this.#attendant?.heartbeat(frame)))
    })
    this.#on(eventNames.progress, (args) => {
      this.#read(eventNames.progress, decodeProgress(args), (frame) => this.#attendant?.progress(frame))
    })
    this.#on(eventNames.capacity, (args) => {
      this.#read(eventNames.capacity, decodeCapacity(args), ({ free }) =>
        this.#changed((attendant) => attendant.session.offer(free)),
      )
    })
    this.#on(eventNames.drain, (_, answer) => {
      this.#changed((attendant) => attendant.session.drain())
      answer({ running: this.#attendant?.session.running.length ?? 0 })
    })
    this.#on(eventNames.leave, (_, answer) => this.#leave(answer))
    this.#socket.on('disconnect', (reason) => {
      this.#cancelHold?.()
      const parting = {
        tookLeave: this.#tookLeave || reason === 'client namespace disconnect',
        wentMute: reason === 'ping timeout',
      }
      // What comes of a registration on its way must know of it, too.
      void Promise.resolve(this.#registering).then(() => {
        if (this.#attendant !== undefined) this.#home.left(this.#attendant, this.#socket, parting)
      })
    })
  }

  /** Hears an event; `answer` is the callback of its acknowledgement, or nothing. */
  #on(event: string, handle: (args: readonly unknown[], answer: Answer) => void): void {
    this.#socket.on(event, (...args: unknown[]) => {
      const last = args.at(-1)
      if (typeof last === 'function') handle(args.slice(0, -1), last as Answer)
      else handle(args, () => {})
    })
  }

  #register(event: string, decoded: Decoded<Registration>, answer: Answer): void {
    if (!decoded.ok) {
      this.#complain(`${event}: ${decoded.reason}`)
      answer({ ok: false, code: 'bad-request', message: decoded.reason })
      return
    }
    // A second one of the same socket waits for the first.
    this.#registering = Promise.resolve(this.#registering).then(() => this.#registerAs(event, decoded.frame, answer))
  }

  async #registerAs(event: string, registration: Registration, answer: Answer): Promise<void> {
    if (this.#attendant !== undefined || this.#isElsewhere) {
      const message = 'expected one registration for each connection, got a second one'
      this.#complain(message)
      answer({ ok: false, code: 'duplicate-id', message })
      return
    }
    this.#cancelHold?.()
    const welcome = await this.#home.register(this.#socket, registration, this.#held.splice(0))
    answer(welcome.answer)
    if ('begin' in welcome) {
      this.#isElsewhere = true
      this.#socket.emit(eventNames.connect)
      welcome.begin()
      return
    }
    if (welcome.attendant === undefined) {
      this.#complain(welcome.answer.message)
      return
    }
    this.#attendant = welcome.attendant
    this.#socket.emit(event)
    // Reports that came meanwhile.
    for (const held of this.#held.splice(0)) void this.#home.judge(welcome.attendant, held.report).then(held.answer)
    welcome.attendant.welcome()
  }

  #done(args: readonly unknown[], answer: Answer): void {
    const decoded = decodeDone(settlementOf(args, true))
    this.#report(args, decoded.ok ? { ok: true, frame: { type: 'done', frame: decoded.frame } } : decoded, answer)
  }

  #fail(args: readonly unknown[], answer: Answer): void {
    const decoded = decodeFail(settlementOf(args, false))
    this.#report(args, decoded.ok ? { ok: true, frame: { type: 'fail', frame: decoded.frame } } : decoded, answer)
  }

  /** Reports of several runs, answered when all of them are. */
  #batch(args: readonly unknown[], answer: Answer): void {
    const decoded = decodeBatch(args)
    if (!decoded.ok) {
      this.#complain(`${eventNames.batch}: ${decoded.reason}`)
      answer([])
      return
    }
    const answers: unknown[] = decoded.frame.map(() => null)
    let open = answers.length
    const answered = (index: number, said: unknown): void => {
      answers[index] = said
      if (--open === 0) answer(answers)
    }
    if (open === 0) answer(answers)
    for (const [index, [event, frame]] of decoded.frame.entries()) {
      if (event === eventNames.done) this.#done([frame], (said) => answered(index, said))
      else if (event === eventNames.fail) this.#fail([frame], (said) => answered(index, said))
      else {
        const message = `expected ${eventNames.done} or ${eventNames.fail} in a batch, got: ${shown(event)}`
        this.#complain(`${eventNames.batch}: ${message}`)
        answered(index, { ok: false, code: 'invalid', message })
      }
    }
  }

  #report(args: readonly unknown[], decoded: Decoded<Report>, answer: Answer): void {
    if (!decoded.ok) {
      this.#complain(`result: ${decoded.reason}`)
      answer({ ok: false, code: 'invalid', message: decoded.reason })
      const id = (args[0] as { readonly id?: unknown } | null | undefined)?.id
      if (typeof id === 'string') this.#attendant?.unreadable(id, decoded.reason)
    } else if (this.#attendant !== undefined) {
      void this.#home.judge(this.#attendant, decoded.frame).then(answer)
    } else this.#hold(decoded.frame, answer)
  }

  #hold(report: Report, answer: Answer): void {
    const refuse = (why: string): void => {
      this.#complain(`result of task ${report.frame.id}: ${why}`)
      answer({ ok: false, code: 'unknown', message: why })
    }
    if (this.#held.length >= mostHeld) {
      refuse(`expected at most ${mostHeld} results before ${eventNames.connect}, got more`)
      return
    }
    this.#held.push({ report, answer })
    const { clock, holdMs } = this.#home
    this.#cancelHold ??= clock.at(clock.now() + holdMs, () => {
      this.#cancelHold = undefined
      if (this.#registering === undefined) {
        const why = `expected ${eventNames.connect} within ${holdMs} ms of a result, got none`
        for (const held of this.#held.splice(0)) {
          this.#complain(`result of task ${held.report.frame.id}: ${why}`)
          held.answer({ ok: false, code: 'unknown', message: why })
        }
      }
    })
  }

  #leave(answer: Answer): void {
    this.#changed((attendant) => attendant.session.drain())
    answer({ running: this.#attendant?.session.running.length ?? 0 })
    this.#tookLeave = true
    // The library sends the answer first.
    this.#socket.disconnect()
  }

  #changed(change: (attendant: Attendant) => void): void {
    if (this.#attendant === undefined) return
    change(this.#attendant)
    this.#attendant.pump()
  }

  #read<Frame>(event: string, decoded: Decoded<Frame>, use: (frame: Frame) => void): void {
    if (!decoded.ok) this.#complain(`${event}: ${decoded.reason}`)
    else if (this.#attendant !== undefined) use(decoded.frame)
  }
}
