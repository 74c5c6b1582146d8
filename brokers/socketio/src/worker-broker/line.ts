/** A line to a server: a connection, up or down, on which is asked what must be answered. */
import { type AbortSignal, ConfigError, type LovageError, StoreError } from '@lovage/core'
import { eventNames } from '../wire/names.ts'
import type { RegistrationAnswer, RegistrationOptions } from '../wire/registration.ts'
import { decodeError } from '../wire/standing.ts'
import { Connection, type RefusalCode } from '../workers/connection.ts'

export interface LinePlan {
  readonly url: string
  readonly token: string | undefined
  /** The worker's name; of a line that does not register, any text. */
  readonly id: string
  /** Undefined: the line is up as soon as it is connected. */
  readonly registration?: (() => RegistrationOptions) | undefined
}

/** What happens on it. */
export interface LineEvents {
  up?(welcome: RegistrationAnswer & { readonly ok: true }): void
  down?(): void
  /** There will be no other connect. */
  over?(error: LovageError): void
  received?(event: string, args: readonly unknown[]): void
  /** The server cannot be reached, or says something: it is tried again. */
  trouble?(error: LovageError): void
}

const heard = [eventNames.tasks, eventNames.revoke, eventNames.control]

interface Asking {
  readonly reject: (error: LovageError) => void
}

interface Waiting extends Asking {
  readonly resolve: () => void
}

export class Line {
  readonly #plan: LinePlan
  readonly #on: LineEvents
  readonly #connection: Connection
  readonly #asking = new Set<Asking>()
  readonly #waiting = new Set<Waiting>()
  #isUp = false
  /** Why there will be no other connect. */
  #over: LovageError | undefined
  #lastRefusal: LovageError | undefined

  constructor(plan: LinePlan, on: LineEvents) {
    const { url, token, id, registration } = plan
    this.#plan = plan
    this.#on = on
    this.#connection = new Connection(
      { id, url, token, alsoHears: heard, registration: () => registration?.() },
      {
        connected: () => registration === undefined && this.#up(),
        welcomed: (answer) => this.#welcomed(answer),
        registered: () => this.#registered(),
        received: (event, args) => this.#received(event, args),
        // Of who is sent away it is the end, which follows, and no break.
        down: (reason) => reason !== 'io server disconnect' && this.#down(),
        over: () => this.#end(this.#lastRefusal ?? sentAway(url)),
        trouble: (message, code) => this.#trouble(message, code),
      },
    )
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Something was asked that is not answered. */
  get isAsking(): boolean {
    return this.#asking.size > 0 || this.#waiting.size > 0
  }

  get isOver(): boolean {
    return this.#over !== undefined
  }

  open(): void {
    this.#connection.open()
  }

  /** Resolves when it is up. @throws {LovageError} why it will not be; the reason of `signal` */
  whenUp(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#over !== undefined) return Promise.reject(this.#over)
    if (this.#isUp) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(waiting)
        signal?.removeEventListener('abort', abort)
      }
      const abort = (): void => {
        end()
        reject(signal?.reason)
      }
      const waiting: Waiting = {
        resolve() {
          end()
          resolve()
        },
        reject(error) {
          end()
          reject(error)
        },
      }
      this.#waiting.add(waiting)
      signal?.addEventListener('abort', abort)
    })
  }

  /** Says it, if the line is up. */
  say(event: string, args: readonly unknown[]): void {
    if (this.#isUp) this.#connection.say(event, args)
  }

  /** Resolves with the answer. @throws {StoreError} STORE_UNAVAILABLE when the line is down, or goes down before there is one */
  ask(event: string, args: readonly unknown[]): Promise<unknown> {
    if (!this.#isUp) return Promise.reject(this.#over ?? away(this.#plan.url))
    return new Promise((resolve, reject) => {
      const asking: Asking = { reject }
      this.#asking.add(asking)
      this.#connection.say(event, args, (answer) => {
        if (this.#asking.delete(asking)) resolve(answer)
      })
    })
  }

  /** Ends it from this side. Idempotent. */
  close(error: LovageError): void {
    this.#connection.close()
    this.#end(error)
  }

  #welcomed(answer: RegistrationAnswer & { readonly ok: true }): void {
    if (answer.features?.includes('broker') === true) this.#up(answer)
    else this.#foreign()
  }

  /** A server that knows whole Workers answers a registration before it says this. */
  #registered(): void {
    if (!this.#isUp && this.#plan.registration !== undefined) this.#foreign()
  }

  #foreign(): void {
    const message = `expected a Lovage server that takes whole workers, got another one at ${this.#plan.url}; use workers.Item of @lovage/broker-socketio/workers for it`
    this.close(new ConfigError('UNSUPPORTED', message))
  }

  #up(welcome?: RegistrationAnswer & { readonly ok: true }): void {
    this.#isUp = true
    if (welcome !== undefined) this.#on.up?.(welcome)
    for (const { resolve } of [...this.#waiting]) resolve()
  }

  #down(): void {
    const wasUp = this.#isUp
    this.#isUp = false
    for (const { reject } of this.#asking) reject(away(this.#plan.url))
    this.#asking.clear()
    if (wasUp) this.#on.down?.()
  }

  #received(event: string, args: readonly unknown[]): void {
    if (event !== eventNames.error) {
      this.#on.received?.(event, args)
      return
    }
    const said = decodeError(args)
    if (!said.ok) return
    // What is said last before it is sent away is why.
    this.#lastRefusal = new ConfigError('AUTHENTICATION_FAILED', `${this.#plan.url} sent this worker away: ${said.frame}`)
    this.#on.trouble?.(new StoreError('STORE_UNAVAILABLE', `${this.#plan.url} says: ${said.frame}`))
  }

  #trouble(message: string, code: RefusalCode | undefined): void {
    if (code === 'unauthorized') this.#lastRefusal = new ConfigError('AUTHENTICATION_FAILED', `${message}`)
    else if (code === 'forbidden') this.#lastRefusal = new ConfigError('SCOPES_INSUFFICIENT', message)
    else if (code === 'bad-request') this.#lastRefusal = new ConfigError('OPTION_INVALID', message)
    else this.#lastRefusal = undefined
    const error = this.#lastRefusal ?? new StoreError('STORE_UNAVAILABLE', message, { subject: this.#plan.url })
    this.#on.trouble?.(error)
  }

  #end(error: LovageError): void {
    if (this.#over !== undefined) return
    this.#over = error
    this.#isUp = false
    for (const { reject } of [...this.#asking, ...this.#waiting]) reject(error)
    this.#asking.clear()
    this.#on.over?.(error)
  }
}

function away(url: string): StoreError {
  return new StoreError('STORE_UNAVAILABLE', `the connection to ${url} is away; it comes back by itself`, { subject: url })
}

function sentAway(url: string): ConfigError {
  return new ConfigError(
    'AUTHENTICATION_FAILED',
    `${url} sent this worker away: its token was revoked, or its server wants it no more`,
  )
}
