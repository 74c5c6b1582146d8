/** The socket of a worker: connects for ever, registers after every connect, in L1 with a server that answers, else in L0. */
import { type CancelTimer, retryDelayMs, retryPolicy } from '@lovage/core'
import { io, type Socket } from 'socket.io-client'
import { eventNames } from '../wire/names.ts'
import {
  type ConnectRefusal,
  decodeConnectRefusal,
  decodeRegistrationAnswer,
  type RegistrationAnswer,
  type RegistrationOptions,
} from '../wire/registration.ts'
import { after } from './timers.ts'

/** Where to connect to, and as whom. */
export interface ConnectionPlan {
  readonly id: string
  /** With the namespace as its path. */
  readonly url: string
  readonly token: string | undefined
  /** Asked anew for each registration; undefined: it does not register, or not yet. */
  registration(): RegistrationOptions | undefined
  /** Events to hear beside those of L1. */
  readonly alsoHears?: readonly string[] | undefined
}

/** What happens on it. `args` are those of the event, with the callback of its acknowledgement at the end if the server asks for one. */
export interface ConnectionEvents {
  /** Once per connect, before the registration. */
  connected?(): void
  /** Once per connect: the server knows the worker. */
  registered(): void
  /** It speaks L1. Before or after `registered`. */
  welcomed(answer: Extract<RegistrationAnswer, { ok: true }>): void
  received(event: string, args: readonly unknown[]): void
  /** Registered or not, it had been connected. */
  down(reason: string): void
  /** There will be no other connect: refused, or sent away. */
  over(): void
  /** @param code what the server refused it with; undefined where it could not be reached */
  trouble(message: string, code?: RefusalCode): void
}

/** Why a server does not take a worker. */
export type RefusalCode = ConnectRefusal['code'] | Extract<RegistrationAnswer, { ok: false }>['code']

const backoff = retryPolicy({ delay: '1s', maxDelay: '30s', jitter: 0.5 })

export class Connection {
  readonly #plan: ConnectionPlan
  readonly #on: ConnectionEvents
  readonly #socket: Socket
  #refusals = 0
  #lastTrouble: string | undefined
  #cancelRetry: CancelTimer = () => {}
  #isRegistered = false
  #level: 0 | 1 = 0
  #takesBatches = false

  constructor(plan: ConnectionPlan, on: ConnectionEvents) {
    this.#plan = plan
    this.#on = on
    // WebSocket first needs no sticky sessions; polling is for where a proxy lets nothing else through.
    const transports = { transports: ['websocket', 'polling'], tryAllTransports: true }
    // Soon the first time, for the server keeps the tasks of who is back within its grace; each time up to twice as long after.
    const reconnection = { reconnectionDelay: 300, reconnectionDelayMax: 5000, randomizationFactor: 0.5 }
    const options = { forceNew: true, autoConnect: false, ...transports, ...reconnection }
    const auth = plan.token === undefined ? {} : { auth: { token: plan.token } }
    this.#socket = io(plan.url, { ...options, ...auth })
    this.#listen()
  }

  /** 1 when the server on the other side of the present connect has answered in L1. */
  get level(): 0 | 1 {
    return this.#level
  }

  /** It reads several frames in one message. */
  get takesBatches(): boolean {
    return this.#takesBatches
  }

  open(): void {
    this.#socket.connect()
  }

  /** Says it now, or not at all: socket.io would keep it for the next connect, before the registration. */
  say(event: string, args: readonly unknown[], onAnswer?: (answer: unknown) => void): void {
    if (!this.#socket.connected) return
    if (onAnswer === undefined) this.#socket.emit(event, ...args)
    else this.#socket.emit(event, ...args, onAnswer)
  }

  /** Ends it from this side. Idempotent. */
  close(): void {
    this.#cancelRetry()
    this.#socket.disconnect()
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('connect', () => this.#register())
    socket.on('connect_error', (error: Error & { data?: unknown }) => this.#refused(error))
    socket.on('disconnect', (reason) => {
      this.#level = 0
      this.#takesBatches = false
      this.#isRegistered = false
      this.#on.down(reason)
      if (reason === 'io server disconnect') this.#on.over()
    })
    socket.on(eventNames.connect, () => this.#registered())
    const heard = [eventNames.task, eventNames.batch, eventNames.error, eventNames.cancel, eventNames.drain]
    for (const event of [...heard, ...(this.#plan.alsoHears ?? [])]) {
      socket.on(event, (...args: unknown[]) => this.#on.received(event, args))
    }
  }

  #register(): void {
    this.#lastTrouble = undefined
    this.#on.connected?.()
    const registration = this.#plan.registration()
    if (registration === undefined) return
    const socketId = this.#socket.id
    this.say(eventNames.connect, [this.#plan.id, registration], (said) => {
      const answer = decodeRegistrationAnswer(said)
      // Whatever else is said is not L1: a server of L0 with a habit of acknowledging.
      if (!answer.ok || socketId !== this.#socket.id) return
      if (answer.frame.ok) this.#welcomed(answer.frame)
      else this.#unregistered(answer.frame)
    })
  }

  #welcomed(answer: Extract<RegistrationAnswer, { ok: true }>): void {
    this.#level = 1
    this.#takesBatches = answer.features?.includes('batch') === true
    this.#on.welcomed(answer)
    this.#registered()
  }

  #registered(): void {
    this.#refusals = 0
    if (this.#isRegistered) return
    this.#isRegistered = true
    this.#on.registered()
  }

  #unregistered({ code, message }: Extract<RegistrationAnswer, { ok: false }>): void {
    this.#on.trouble(`the server refused the registration (${code}): ${message}`, code)
    this.#socket.disconnect()
    if (code === 'duplicate-id') this.#retry(undefined)
    else this.#on.over()
  }

  /** The library tries again by itself where it could not reach the server, and not where the server said no. */
  #refused(error: Error & { data?: unknown }): void {
    const isTold = this.#lastTrouble === error.message
    const refusal = decodeConnectRefusal(error.data)
    const code = refusal.ok ? refusal.frame.code : undefined
    this.#lastTrouble = error.message
    if (!isTold) this.#on.trouble(`cannot connect to ${this.#plan.url}: ${reasonOf(error)}`, code)
    if (this.#socket.active) return
    if (code === 'unauthorized' || code === 'forbidden') this.#on.over()
    else this.#retry(refusal.ok ? refusal.frame.retryAfterMs : undefined)
  }

  #retry(afterMs: number | undefined): void {
    this.#refusals += 1
    this.#cancelRetry = after(afterMs ?? retryDelayMs(backoff, this.#refusals, Math.random), () => this.#socket.connect())
  }
}

/** Of polling, the last way that is tried, the library says `xhr poll error`; what the network or the server said stands in the response. */
function reasonOf({ message, context }: Error & { context?: { responseText?: unknown; status?: unknown } }): string {
  const response = context?.responseText
  if (typeof response !== 'string') return message
  const fault = /^Error: (.+)$/m.exec(response)?.[1]
  if (fault !== undefined) return curable(fault)
  return (
    messageOf(response) ?? (typeof context?.status === 'number' ? `no socket.io answers there (HTTP ${context.status})` : message)
  )
}

/** What TLS says to who speaks none, and the other way round, names neither. */
function curable(fault: string): string {
  if (fault.includes('wrong version number')) return 'it speaks no TLS; write http:, or the address of the proxy before it'
  return fault === 'socket hang up' ? `${fault}; if it wants TLS, write https:` : fault
}

/** Of an answer `{ message }`. */
function messageOf(response: string): string | undefined {
  try {
    const { message } = JSON.parse(response) as { readonly message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
