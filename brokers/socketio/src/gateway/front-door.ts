/** The front door of a gateway: who comes in, how many, how fast, and who has to go again. */
import {
  type Clock,
  ConfigError,
  type Desk,
  type Duration,
  durationMs,
  type EventBus,
  type Logger,
  type OptionNames,
  type Random,
  shown,
} from '@lovage/core'
import type { Socket } from 'socket.io'
import { forbids, type Pass } from '../tokens/pass.ts'
import { TokenBook } from '../tokens/token-book.ts'
import { tokenRevoked } from '../tokens/worker-tokens.ts'
import type { Registration } from '../wire/registration.ts'
import { type Admit, byTokens, type Refusal, type Visitor } from './admission.ts'
import { Allowance, Allowances } from './allowance.ts'
import { Guests } from './guests.ts'
import { hostOf } from './register.ts'
import { WaitingRoom } from './waiting-room.ts'

export interface DoorOptions {
  /** Decides who comes in, in place of the tokens of the store. */
  readonly admit?: Admit | undefined
  /** Whether workers without a token come in. Default: where the server listens on loopback addresses alone. */
  readonly anonymous?: boolean | undefined
  /** The most workers at a time; more are told to try again. Default 10,000. */
  readonly maxWorkers?: number | undefined
  /** Connects each second from one address; 20 times as many at once. Default 200; 0: no limit. For an HTTP server. */
  readonly connectRate?: number | undefined
  /** How long a connection may take to register. Default 10 s. */
  readonly registerWithin?: Duration | undefined
}

export const doorNames: OptionNames<DoorOptions> = {
  admit: true,
  anonymous: true,
  maxWorkers: true,
  connectRate: true,
  registerWithin: true,
}

/** What the door stands on. */
export interface DoorSurroundings {
  readonly desk: Pick<Desk, 'records' | 'now'>
  /** Tells of tokens that are revoked. */
  readonly events: Pick<EventBus, 'capture'> | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  readonly leaseMs: number
}

/** So many seconds' worth of connects may come at once: after a start of the gateway they all do. */
const burstSeconds = 20
/** So often one connection may ask to be let in at once, and once more every ten seconds: each time a token is looked up. */
const asksAtOnce = 10
const asksPerSecond = 0.1
/** Of each address so many refusals are logged at once, and one more every ten seconds. */
const loggedAtOnce = 10
const loggedPerSecond = 0.1

export class FrontDoor {
  readonly mostWorkers: number
  readonly silentMs: number
  readonly #around: DoorSurroundings
  readonly #rules: Pick<DoorOptions, 'admit' | 'anonymous'>
  readonly #book: TokenBook
  readonly #guests: Guests
  readonly #room: WaitingRoom
  readonly #connects: Allowances | undefined
  readonly #asks = new WeakMap<Socket['conn'], Allowance>()
  readonly #logs = new Allowances(loggedAtOnce, loggedPerSecond)
  #hearing: Promise<(() => Promise<void>) | undefined> | undefined

  /** @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
  constructor(options: DoorOptions, around: DoorSurroundings) {
    const { desk, clock, logger, leaseMs } = around
    const rate = whole('connectRate', options.connectRate ?? 200, 0)
    this.mostWorkers = whole('maxWorkers', options.maxWorkers ?? 10_000, 1)
    this.silentMs = durationMs(options.registerWithin ?? '10s', 'registerWithin')
    this.#around = around
    this.#rules = options
    this.#book = new TokenBook(desk.records)
    this.#guests = new Guests({ book: this.#book, clock, logger, checkMs: leaseMs / 3 })
    this.#room = new WaitingRoom(clock, this.silentMs)
    this.#connects = rate === 0 ? undefined : new Allowances(rate * burstSeconds, rate)
  }

  /** Begins to hear of tokens that are revoked. */
  open(): void {
    this.#hearing ??= this.#hear()
  }

  /** Milliseconds that whom there is no room for is to stay away; not all the same. */
  awayMs(): number {
    return 5000 * (1 + this.#around.random())
  }

  mayConnect(address: string): boolean {
    const may = this.#connects?.take(address, this.#around.clock.now()) ?? true
    if (!may) this.#warn({ address }, 'connects from an address are refused, as there were too many')
    return may
  }

  async admit(socket: Socket, isLocal: () => boolean): Promise<Refusal | undefined> {
    const { logger } = this.#around
    const visitor = visitorOf(socket)
    if (!this.#mayAsk(socket)) {
      socket.conn.close()
      return { code: 'forbidden', message: 'too many attempts on one connection' }
    }
    try {
      const admission = await this.#admitter(isLocal)(visitor)
      if ('pass' in admission) {
        this.#guests.admit(socket, admission.pass)
        return undefined
      }
      this.#warn({ address: visitor.address, reason: admission.refusal.message }, 'a worker was not let in')
      return admission.refusal
    } catch (error) {
      logger.error({ err: error, address: visitor.address }, 'whether a worker may come in could not be found out')
      return {
        code: 'server-full',
        retryAfterMs: Math.ceil(this.awayMs()),
        message: 'this server cannot check tokens now; try again later',
      }
    }
  }

  entered(socket: Socket): void {
    this.#guests.entered(socket)
    this.#room.enter(socket)
  }

  /** Why it may not register so; undefined when it may. */
  forbids(socket: Socket, registration: Registration): string | undefined {
    return forbids(this.#guests.passOf(socket), registration)
  }

  /** What it may be and serve. */
  passOf(socket: Socket): Pass {
    return this.#guests.passOf(socket)
  }

  registered(socket: Socket): void {
    this.#room.leave(socket)
  }

  wasSentAway(socket: Socket): boolean {
    return this.#guests.wasSentAway(socket)
  }

  /** The id of the token by which it came in. */
  tokenOf(socket: Socket): string | undefined {
    return this.#guests.passOf(socket).token
  }

  async close(): Promise<void> {
    this.#guests.close()
    await (await this.#hearing)?.()
  }

  #mayAsk({ conn }: Socket): boolean {
    const now = this.#around.clock.now()
    const asks = this.#asks.get(conn) ?? new Allowance(asksAtOnce, asksPerSecond, now)
    this.#asks.set(conn, asks)
    return asks.take(now)
  }

  /** Who comes again and again does not fill the log. */
  #warn(facts: { readonly address: string; readonly reason?: string }, text: string): void {
    const { clock, logger } = this.#around
    if (this.#logs.take(facts.address, clock.now())) logger.warn(facts, text)
  }

  #admitter(isLocal: () => boolean): Admit {
    const { admit, anonymous } = this.#rules
    const { desk } = this.#around
    return admit ?? byTokens({ book: this.#book, now: () => desk.now(), anonymous, isLocal })
  }

  async #hear(): Promise<(() => Promise<void>) | undefined> {
    const { events, logger } = this.#around
    try {
      // What is true stands in the store: the word alone sends nobody away.
      return await events?.capture([tokenRevoked], () => void this.#guests.check())
    } catch (error) {
      logger.warn({ err: error }, 'revocations of tokens are not heard; they are looked up')
      return undefined
    }
  }
}

function visitorOf(socket: Socket): Visitor {
  const { auth, headers } = socket.handshake
  const { token } = auth as { readonly token?: unknown }
  // What is no text is no token either, and was meant to be one.
  const isNone = token === undefined || token === null || token === ''
  return { token: isNone ? undefined : typeof token === 'string' ? token : '-', address: hostOf(socket), headers }
}

function whole(option: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new ConfigError('OPTION_INVALID', `expected \`${option}\` to be a whole number from ${least}, got: ${shown(value)}`)
}
