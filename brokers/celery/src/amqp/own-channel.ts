/** A channel for one purpose: opened on every connection, and opened again when the broker closes it while the connection goes on. */
import type { Logger } from '@lovage/core'
import type { Channel } from 'amqplib'
import type { Connection, Lodger } from './amqp-link.ts'
import { inTime } from './in-time.ts'

/** What is done on the channel. */
export interface ChannelUse<Kind extends Channel> {
  /** For the log. */
  readonly purpose: string
  open(connection: Connection): Promise<Kind>
  /** On every new channel. @param isFirst whether somebody waits for it; otherwise what it throws is logged and tried again */
  begin(channel: Kind, connection: Connection, isFirst: boolean): Promise<void>
  /** The channel is gone; the cause if the broker gave one. Not called for one that was closed here. */
  ended(channel: Kind, cause: Error | undefined): void
  /** The broker reads again what it is sent. */
  flow?(): void
}

/**
 * A broker that has just started can leave a request about a queue without an answer. Well below what the link waits for: what has not
 * begun in time is begun again on another channel, and does not end the connection.
 */
const beginMs = 20_000
const closeMs = 5000
const mostMs = 32_000
/** One that stood for so long begins with short delays again. */
const steadyMs = 5000

export class OwnChannel<Kind extends Channel> implements Lodger {
  readonly #use: ChannelUse<Kind>
  readonly #logger: Logger
  #connection: Connection | undefined
  #channel: Kind | undefined
  #cause: Error | undefined
  #openedAt = 0
  #timer: NodeJS.Timeout | undefined
  #attempt = 0

  constructor(use: ChannelUse<Kind>, logger: Logger) {
    this.#use = use
    this.#logger = logger
  }

  get channel(): Kind | undefined {
    return this.#channel
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  async enter(connection: Connection, isFirst: boolean): Promise<void> {
    this.#connection = connection
    try {
      await this.#open(connection, isFirst)
    } catch (error) {
      if (isFirst) {
        if (this.#connection === connection) this.leave(undefined)
        throw error
      }
      if (this.#connection === connection) this.#later(connection, error)
    }
  }

  leave(cause: Error | undefined): void {
    clearTimeout(this.#timer)
    this.#connection = undefined
    const channel = this.#channel
    this.#channel = undefined
    if (channel !== undefined) this.#use.ended(channel, cause)
  }

  flow(): void {
    this.#use.flow?.()
  }

  /** Opens another one; what is unsettled on this one goes back. */
  restart(channel: Kind): void {
    if (this.#channel !== channel) return
    channel.close().catch(() => {})
    this.#lost(channel)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const channel = this.#channel
    this.#connection = undefined
    this.#channel = undefined
    // One that is lost already cannot be closed.
    if (channel !== undefined) await inTime(channel.close(), closeMs).catch(() => {})
  }

  async #open(connection: Connection, isFirst: boolean): Promise<void> {
    const channel = await this.#use.open(connection)
    if (this.#connection !== connection) return void channel.close().catch(() => {})
    this.#channel = channel
    this.#cause = undefined
    this.#openedAt = performance.now()
    channel.on('error', (error) => {
      this.#cause = error
    })
    channel.on('close', () => this.#lost(channel))
    try {
      await inTime(this.#use.begin(channel, connection, isFirst), beginMs)
    } catch (error) {
      if (this.#channel === channel) {
        this.#channel = undefined
        channel.close().catch(() => {})
        this.#use.ended(channel, undefined)
      } else if (!isFirst) {
        // The broker closed it, and another one is on its way.
        return
      }
      throw error
    }
  }

  #lost(channel: Kind): void {
    const connection = this.#connection
    if (this.#channel !== channel || connection === undefined) return
    this.#channel = undefined
    const cause = this.#cause ?? connection.cause()
    this.#use.ended(channel, cause)
    if (performance.now() - this.#openedAt > steadyMs) this.#attempt = 0
    // The connection goes on, or its loss is told in this very tick.
    this.#later(connection, cause)
  }

  #later(connection: Connection, cause: unknown): void {
    clearTimeout(this.#timer)
    const delayMs = Math.min(mostMs, this.#attempt === 0 ? 0 : 100 * 2 ** this.#attempt)
    this.#attempt++
    this.#timer = setTimeout(() => {
      if (this.#connection !== connection || this.#channel !== undefined) return
      if (cause instanceof Error) {
        this.#logger.warn({ purpose: this.#use.purpose, error: cause.message }, 'RabbitMQ closed a channel; opening another')
      }
      this.enter(connection, false).catch(() => {})
    }, delayMs)
  }
}
