/** A connection to RabbitMQ that lives for ever: joined at once, and joined again after every loss. */
import { type LovageError, StoreError, shown } from '@lovage/core'
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import type { AmqpAddress } from './amqp-address.ts'
import type { AmqpSettings } from './amqp-options.ts'
import { backoffMs } from './backoff.ts'
import { inTime } from './in-time.ts'
import { partsOf, writeOncePerTick } from './one-write-a-tick.ts'
import { readAnyHeaders } from './readable-headers.ts'

/** Who lives on the connection and moves with it to the next one. */
export interface Lodger {
  /**
   * A connection is there: declare, consume.
   * @param isFirst whether somebody waits for the lodger's first entry and hears what it throws; later it ends the connection
   */
  enter(connection: Connection, isFirst: boolean): Promise<void>
  /** The connection is gone; the cause if the broker gave one. May be called without `enter`. */
  leave(cause: Error | undefined): void
  /** The broker reads again what it is sent. */
  flow?(): void
}

/** What a lodger may ask of a connection. */
export interface Connection {
  /** `{ product: 'RabbitMQ', version: '3.10.8' }` */
  readonly server: { readonly product: string; readonly version: string }
  /** Whether the broker does not read what it is sent: it is short of memory or disk. */
  isBlocked(): boolean
  /** Why the broker ended it, if it did and said so. */
  cause(): Error | undefined
  channel(): Promise<Channel>
  confirmChannel(): Promise<ConfirmChannel>
}

/** What a link tells of itself. */
export interface LinkWatch {
  lost(error: LovageError): void
  back(): void
}

interface Waiting {
  resolve(connection: Connection): void
  reject(error: StoreError): void
}

/** Nobody waits for longer on an answer of a broker that is there. */
const answerMs = 30_000
/** A connection that does not end in order is cut. */
const endMs = 2000
/** One that was lost sooner counts as a failed attempt, so that a broker that ends every connection is not run against. */
const steadyMs = 5000

export class AmqpLink {
  readonly #settings: AmqpSettings
  readonly #purpose: string
  readonly #watch: LinkWatch
  readonly #lodgers = new Set<Lodger>()
  #model: ChannelModel | undefined
  #connection: Connection | undefined
  #started: Promise<void> | undefined
  #joining: Promise<void> | undefined
  /** The one that lodgers enter. */
  #next: ChannelModel | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #waiting = new Set<Waiting>()
  #attempt = 0
  #isAway = false
  #isClosed = false

  /** @param purpose shown to operators beside the name */
  constructor(settings: AmqpSettings, purpose: string, watch: LinkWatch) {
    this.#settings = settings
    this.#purpose = purpose
    this.#watch = watch
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  /** Resolves with the connection when there is one. @throws {StoreError} STORE_CLOSED, and what `start` throws */
  async up(): Promise<Connection> {
    await this.start()
    if (this.#isClosed) throw closedHere()
    return this.#connection ?? new Promise((resolve, reject) => this.#waiting.add({ resolve, reject }))
  }

  /** Connects the first time it is called. @throws {StoreError} STORE_UNAVAILABLE unless it is to go on trying */
  start(): Promise<void> {
    this.#started ??= this.#begin()
    return this.#started
  }

  /**
   * Resolves when the lodger has entered; when there is no connection, at once: it enters the next one.
   * @throws what `enter` throws; then it is no lodger
   */
  async lodge(lodger: Lodger): Promise<void> {
    await this.start()
    await this.#joining
    this.#lodgers.add(lodger)
    const connection = this.#connection
    if (connection === undefined) return
    try {
      await inTime(lodger.enter(connection, true), answerMs)
    } catch (error) {
      // What was lost on the way is done on the next connection.
      if (this.#connection !== connection) return
      this.#lodgers.delete(lodger)
      throw error
    }
  }

  dislodge(lodger: Lodger): void {
    this.#lodgers.delete(lodger)
  }

  /** May be called twice. Channels are to be closed before: what was acknowledged on them a moment ago is lost otherwise. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const { reject } of this.#waiting) reject(closedHere())
    this.#waiting.clear()
    if (this.#next !== undefined) await end(this.#next)
    await this.#joining
    const model = this.#model
    this.#model = undefined
    this.#connection = undefined
    if (model !== undefined) await end(model)
  }

  async #begin(): Promise<void> {
    try {
      await this.#join()
    } catch (error) {
      if (!this.#settings.retryOnStartup) {
        this.#started = undefined
        throw error
      }
      this.#tellLost(error as LovageError)
      this.#later()
    }
  }

  #join(): Promise<void> {
    const joining = this.#connect().finally(() => {
      this.#joining = undefined
    })
    this.#joining = joining.catch(() => {})
    return joining
  }

  #later(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(
      () => {
        this.#join().catch((error: LovageError) => {
          this.#tellLost(error)
          this.#later()
        })
      },
      backoffMs(this.#attempt++),
    )
  }

  /** Tries every address once. @throws {StoreError} STORE_UNAVAILABLE */
  async #connect(): Promise<void> {
    const failures: string[] = []
    let cause: unknown
    for (const address of this.#settings.addresses) {
      if (this.#isClosed) return
      try {
        return await this.#connectTo(address)
      } catch (error) {
        cause = error
        failures.push(`${address.shown}: ${refusedHost(address, error) ?? messageOf(error)}`)
      }
    }
    throw new StoreError('STORE_UNAVAILABLE', `expected RabbitMQ to take a connection, got: ${failures.join('; ')}`, { cause })
  }

  async #connectTo(address: AmqpAddress): Promise<void> {
    const model = await opened(address, this.#settings, `${this.#settings.name} ${this.#purpose}`)
    const startedAt = performance.now()
    let cause: Error | undefined
    let isGone = false
    model.on('error', (error) => {
      cause = error
    })
    model.on('close', (error) => {
      cause ??= error
      isGone = true
      if (this.#model === model) this.#lose(cause, performance.now() - startedAt)
    })
    model.on('blocked', (reason) => this.#settings.logger.warn({ broker: address.shown, reason }, 'RabbitMQ takes no messages'))
    model.on('unblocked', () => {
      this.#settings.logger.info({ broker: address.shown }, 'RabbitMQ takes messages again')
      if (this.#model === model) for (const lodger of this.#lodgers) lodger.flow?.()
    })
    const connection = connectionOn(model, () => cause)
    this.#next = model
    try {
      for (const lodger of this.#lodgers) await inTime(lodger.enter(connection, false), answerMs)
      if (isGone) throw cause ?? closedByBroker()
    } catch (error) {
      for (const lodger of this.#lodgers) lodger.leave(cause)
      await end(model)
      throw error
    } finally {
      this.#next = undefined
    }
    if (this.#isClosed) return await end(model)
    this.#model = model
    this.#connection = connection
    for (const { resolve } of this.#waiting) resolve(connection)
    this.#waiting.clear()
    if (!this.#isAway) return
    this.#isAway = false
    this.#watch.back()
  }

  #lose(cause: Error | undefined, livedMs: number): void {
    this.#model = undefined
    this.#connection = undefined
    if (livedMs > steadyMs) this.#attempt = 0
    for (const lodger of this.#lodgers) lodger.leave(cause)
    const got = cause?.message ?? closedByBroker().rawMessage
    this.#tellLost(new StoreError('STORE_UNAVAILABLE', `expected the connection to RabbitMQ to last, got: ${got}`, { cause }))
    this.#later()
  }

  #tellLost(error: LovageError): void {
    if (this.#isAway || this.#isClosed) return
    this.#isAway = true
    this.#watch.lost(error)
  }
}

async function opened(address: AmqpAddress, settings: AmqpSettings, name: string): Promise<ChannelModel> {
  const { protocol, hostname, port, username, password, vhost, heartbeat = settings.heartbeat } = address
  const model = await connect(
    // The library decodes the name of the virtual host once more.
    {
      protocol,
      hostname,
      username,
      password,
      heartbeat,
      vhost: encodeURIComponent(vhost),
      ...(port === undefined ? {} : { port }),
    },
    { ...settings.tls, noDelay: true, timeout: settings.connectTimeoutMs, clientProperties: { connection_name: name } },
  )
  // What the socket has to say after its end is of no interest, and must not end the process.
  partsOf(model).stream?.on('error', () => {})
  writeOncePerTick(model)
  readAnyHeaders(model)
  return model
}

function connectionOn(model: ChannelModel, cause: () => Error | undefined): Connection {
  return {
    server: model.connection.serverProperties,
    cause,
    isBlocked: () => partsOf(model).blocked === true,
    async channel() {
      return quiet(await model.createChannel())
    },
    async confirmChannel() {
      return quiet(await model.createConfirmChannel())
    },
  }
}

/** Whoever called gets the error, and `close` follows for whoever depends on the channel. */
function quiet<Kind extends Channel>(channel: Kind): Kind {
  channel.on('error', () => {})
  return channel
}

/** What is lost already cannot be closed. */
async function end(model: ChannelModel): Promise<void> {
  await inTime(model.close(), endMs).catch(() => partsOf(model).stream?.destroy())
}

function closedHere(): StoreError {
  return new StoreError('STORE_CLOSED', 'expected an open connection to RabbitMQ, got: it was closed here')
}

function closedByBroker(): StoreError {
  return new StoreError('STORE_UNAVAILABLE', 'the broker closed it')
}

/** The library does not pass on why the last step of joining was refused; it is the one that names the virtual host. */
function refusedHost({ vhost, username }: AmqpAddress, error: unknown): string | undefined {
  if (!(error instanceof Error) || !error.message.startsWith('Expected ConnectionOpenOk; got <ConnectionClose')) return undefined
  return `it has no virtual host ${shown(vhost)}, or none that ${shown(username)} may enter`
}

/** A refused connection to several addresses of one name has its words in parts. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((each) => messageOf(each)).join(', ')
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}
