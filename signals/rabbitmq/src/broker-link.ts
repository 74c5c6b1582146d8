/** The one connection of a process to the broker: joined at once, and joined again for ever. */
import type { Socket } from 'node:net'
import { type Link, type LovageError, StoreError } from '@lovage/core'
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import { inTime } from './in-time.ts'
import { writeOnceATick } from './one-write-a-tick.ts'
import type { RabbitmqSettings } from './rabbitmq-options.ts'

/** Who lives on the connection and moves with it to the next one. */
export interface Lodger {
  /** A connection is there: declare, bind, consume. */
  enter(connection: Connection): Promise<void>
  /** The connection is gone. */
  leave(): void
}

/** What a lodger may ask of a connection. */
export interface Connection {
  channel(): Promise<Channel>
  confirmChannel(): Promise<ConfirmChannel>
  /** Resolves when the broker reads from it, or it is gone. */
  flowing(): Promise<void>
}

/** A broker that does not answer at all is given up after so long; the next attempt follows. */
const connectMs = 5000
/** Nor does anybody wait for longer on a connection that is there. */
const answerMs = 10_000
/** A part of it that the broker refused to go on with is begun again after so long. */
const againMs = 200
/** A connection that does not end in order is cut. */
const endMs = 1000

export class BrokerLink implements Link {
  readonly #settings: RabbitmqSettings
  readonly #lodgers = new Set<Lodger>()
  readonly #listeners = new Set<(isUp: boolean) => void>()
  #model: ChannelModel | undefined
  /** What lodgers have of it. */
  #connection: Connection | undefined
  /** Those who wait for answers keep the process alive meanwhile; an idle connection does not. */
  #busy = 0
  #joining: Promise<void> | undefined
  /** The part of it in which lodgers enter. */
  #entering: Promise<void> | undefined
  /** The connection that they enter. */
  #next: ChannelModel | undefined
  #timer: NodeJS.Timeout | undefined
  #isUp = false
  #isInTrouble = false
  #isClosed = false

  constructor(settings: RabbitmqSettings) {
    this.#settings = settings
  }

  get isUp(): boolean {
    return this.#isUp
  }

  onChange(listener: (isUp: boolean) => void): () => void {
    const told = (isUp: boolean): void => listener(isUp)
    this.#listeners.add(told)
    return () => void this.#listeners.delete(told)
  }

  /** Resolves after the first attempt, whatever came of it: others follow by themselves. */
  async start(): Promise<void> {
    await this.#try(0)
  }

  /** Resolves when the lodger has entered, if there is a connection; from then on it is on every one. */
  async lodge(lodger: Lodger): Promise<void> {
    this.#lodgers.add(lodger)
    await this.work((connection) => lodger.enter(connection))
  }

  dislodge(lodger: Lodger): void {
    this.#lodgers.delete(lodger)
  }

  /**
   * Does something on the connection that is there, if one is. What fails because it was lost is done again by whoever enters
   * the next one, so that it is no failure here; what the broker refuses ends the connection, and is told like its loss. What it
   * does not read for the time being is done when it does.
   */
  async work(work: (connection: Connection) => Promise<void>): Promise<void> {
    if (this.#entering !== undefined) await inTime(this.#entering, answerMs).catch(() => {})
    const model = this.#model
    const connection = this.#connection
    if (model === undefined || connection === undefined) return
    try {
      await this.#awake(model, () => inTime(work(connection), answerMs))
    } catch (error) {
      if (this.#model === model && !isBlocked(model)) await this.#giveUp(model, error as Error)
    }
  }

  /** Does something a little later, if the connection that is there now is there still. */
  again(work: (connection: Connection) => Promise<void>): void {
    const model = this.#model
    const timer = setTimeout(() => {
      if (model !== undefined && this.#model === model) void this.work(work)
    }, againMs)
    timer.unref()
  }

  /** Keeps the process alive for some work on the connection, if there is one, which ends by itself. */
  async awake(work: () => Promise<unknown>): Promise<void> {
    const model = this.#model
    await (model === undefined ? work() : this.#awake(model, work))
  }

  /** May be called twice. Channels are to be closed before: what was acknowledged on them a moment ago is lost otherwise. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    if (this.#next !== undefined && isBlocked(this.#next)) await end(this.#next)
    await this.#joining
    const model = this.#model
    this.#model = undefined
    this.#isUp = false
    // One that is lost already cannot be closed.
    if (model !== undefined) await this.#awake(model, () => end(model))
  }

  #try(attempt: number): Promise<void> {
    this.#joining ??= this.#connect()
      .catch((error: Error) => {
        this.#complain(error)
        this.#return(attempt + 1)
      })
      .finally(() => {
        this.#joining = undefined
      })
    return this.#joining
  }

  async #connect(): Promise<void> {
    const { address, heartbeatMs, prefix } = this.#settings
    const { protocol, hostname, port, username, password, vhost } = address
    const login = username === undefined ? {} : { username, password: password ?? '' }
    const model = await connect(
      { protocol, hostname, vhost, heartbeat: heartbeatMs / 1000, ...login, ...(port === undefined ? {} : { port }) },
      { noDelay: true, timeout: connectMs, clientProperties: { connection_name: `${prefix} ${process.pid}` } },
    )
    writeOnceATick(model)
    let loss: Error | undefined
    // What it is about comes with `close`.
    model.on('error', () => {})
    model.on('close', (cause) => {
      loss = cause ?? closedByBroker()
      if (this.#model === model) this.#lose(loss)
    })
    model.on('blocked', (reason) => this.#block(model, reason))
    model.on('unblocked', () => this.#flow(model))
    const connection = connectionOn(model)
    this.#next = model
    try {
      this.#entering = this.#awake(model, async () => {
        for (const lodger of this.#lodgers) await answered(model, lodger.enter(connection))
      })
      await this.#entering
      if (loss !== undefined) throw loss
    } catch (error) {
      for (const lodger of this.#lodgers) lodger.leave()
      await end(model)
      throw error
    } finally {
      this.#entering = undefined
      this.#next = undefined
    }
    if (this.#isClosed) return await end(model)
    this.#model = model
    this.#connection = connection
    this.#flow(model)
  }

  #flow(model: ChannelModel): void {
    if (this.#model !== model || isBlocked(model)) return
    this.#change(true)
    if (!this.#isInTrouble) return
    this.#isInTrouble = false
    this.#settings.onBack()
  }

  /** What is written now lies there unread, so that it is as good as away. */
  #block(model: ChannelModel, reason: string): void {
    if (this.#model === model) this.#change(false)
    this.#complain(new StoreError('STORE_BUSY', `expected it to read what it is sent, got: an alarm (${reason})`))
  }

  #lose(cause: Error): void {
    this.#model = undefined
    for (const lodger of this.#lodgers) lodger.leave()
    this.#change(false)
    this.#complain(cause)
    this.#return(0)
  }

  async #giveUp(model: ChannelModel, cause: Error): Promise<void> {
    this.#lose(cause)
    await end(model)
  }

  #change(isUp: boolean): void {
    if (this.#isUp === isUp) return
    this.#isUp = isUp
    for (const listener of this.#listeners) listener(isUp)
  }

  #return(attempt: number): void {
    if (this.#isClosed) return
    // The disorder keeps the processes of a broker that came back from arriving all together.
    const most = Math.min(this.#settings.heartbeatMs / 2, 50 * 2 ** Math.min(attempt, 20))
    this.#timer = setTimeout(() => void this.#try(attempt), Math.ceil(most * (0.5 + Math.random() / 2)))
    this.#timer.unref()
  }

  #complain(cause: Error): void {
    if (this.#isInTrouble || this.#isClosed) return
    this.#isInTrouble = true
    this.#settings.onTrouble(away(this.#settings.address.shown, cause))
  }

  async #awake<Result>(model: ChannelModel, work: () => Promise<Result>): Promise<Result> {
    this.#busy++
    keepAwake(model, true)
    try {
      return await work()
    } finally {
      this.#busy--
      if (this.#busy === 0) keepAwake(model, false)
    }
  }
}

/** Until the broker says otherwise: it is short of memory or disk, and reads nothing from those who publish. */
function isBlocked(model: ChannelModel): boolean {
  return (model.connection as Internals).blocked === true
}

/** Waits for an answer in time; for one that the broker cannot give while it does not read, longer. */
async function answered(model: ChannelModel, asked: Promise<void>): Promise<void> {
  try {
    await inTime(asked, answerMs)
  } catch (error) {
    if (!isBlocked(model)) throw error
    await asked
  }
}

function connectionOn(model: ChannelModel): Connection {
  return {
    flowing() {
      if (!isBlocked(model)) return Promise.resolve()
      return new Promise((resolve) => {
        model.once('unblocked', resolve)
        model.once('close', () => resolve())
      })
    },
    async channel() {
      const channel = await model.createChannel()
      // Whoever called gets the error; `close` follows for whoever depends on the channel.
      channel.on('error', () => {})
      return channel
    },
    async confirmChannel() {
      const channel = await model.createConfirmChannel()
      channel.on('error', () => {})
      return channel
    },
  }
}

/** Parts of the library's connection; its socket and the timers of its heartbeat hold a process. */
interface Internals {
  readonly blocked?: boolean
  readonly stream?: Socket
  readonly heartbeater?: { readonly sendTimer?: NodeJS.Timeout; readonly recvTimer?: NodeJS.Timeout }
}

function keepAwake(model: ChannelModel, isWanted: boolean): void {
  const { stream, heartbeater } = model.connection as Internals
  for (const part of [stream, heartbeater?.sendTimer, heartbeater?.recvTimer]) {
    if (isWanted) part?.ref()
    else part?.unref()
  }
}

/** What is lost already cannot be closed. */
async function end(model: ChannelModel): Promise<void> {
  await inTime(model.close(), endMs).catch(() => {
    const { stream } = model.connection as Internals
    stream?.destroy()
  })
}

function closedByBroker(): StoreError {
  return new StoreError('STORE_UNAVAILABLE', 'expected the connection to last, got: the broker closed it')
}

function away(broker: string, cause: Error): LovageError {
  const message = `expected RabbitMQ at ${broker}, got: ${cause.message}; wake-ups and the notice of crashes go the store's own way until it is back`
  return new StoreError('STORE_UNAVAILABLE', message, { cause, subject: broker })
}
