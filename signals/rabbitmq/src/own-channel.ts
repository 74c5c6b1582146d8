/** A channel for one purpose: opened again when the broker closes it or does not answer on it, while the connection goes on. */
import type { Channel } from 'amqplib'
import type { Connection } from './broker-link.ts'
import { inTime } from './in-time.ts'

/** For each thing that is done on it. */
export const answerMs = 5000
const retryMs = 200
/**
 * A quorum queue that was declared within seconds of a crash of the broker may never answer again (seen on RabbitMQ 3.10). What
 * the queues here hold can be lost: after so many attempts such a queue is deleted, so that it is declared anew.
 */
export const stuckAfter = 5

export class OwnChannel {
  readonly #begin: (channel: Channel) => Promise<void>
  #connection: Connection | undefined
  #channel: Channel | undefined
  #timer: NodeJS.Timeout | undefined
  /** What is done on it is done in turn, so that nobody's time runs while another's answer is awaited. */
  #turn: Promise<void> = Promise.resolve()

  /** @param begin what is to be done on every new channel; it rejects when the broker does not answer in time */
  constructor(begin: (channel: Channel) => Promise<void>) {
    this.#begin = begin
  }

  /** Whether this is the one in use. */
  isCurrent(channel: Channel): boolean {
    return this.#channel === channel
  }

  /** Resolves when it has begun, or is to be tried again a little later. */
  async open(connection: Connection): Promise<void> {
    this.#connection = connection
    await this.#attempt(connection)
  }

  /** Does something more on the channel, if there is one. What fails is done by `begin` on the next one. */
  run(work: (channel: Channel) => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(() => this.#try((channel) => inTime(work(channel), answerMs)))
    return this.#turn
  }

  /** Begins again on a new one a little later; what is in hand goes back. */
  restart(): void {
    if (this.#channel !== undefined) this.#abandon(this.#channel)
  }

  /** The connection is gone. */
  forget(): void {
    clearTimeout(this.#timer)
    this.#connection = undefined
    this.#channel = undefined
  }

  async close(): Promise<void> {
    const channel = this.#channel
    this.forget()
    if (channel !== undefined) await inTime(channel.close(), answerMs).catch(() => {})
  }

  async #attempt(connection: Connection): Promise<void> {
    try {
      await connection.flowing()
      if (this.#connection !== connection) return
      const channel = await opened(connection)
      if (this.#connection !== connection) {
        channel.close().catch(() => {})
        return
      }
      this.#channel = channel
      channel.on('close', () => this.#abandon(channel))
      this.#turn = this.#turn.then(() => this.#try(this.#begin))
      await this.#turn
    } catch {
      this.#later(connection)
    }
  }

  async #try(work: (channel: Channel) => Promise<void>): Promise<void> {
    const channel = this.#channel
    if (channel === undefined) return
    try {
      await work(channel)
    } catch {
      this.#abandon(channel)
    }
  }

  #abandon(channel: Channel): void {
    const connection = this.#connection
    if (this.#channel !== channel || connection === undefined) return
    this.#channel = undefined
    // It takes the consumers with it that the broker may begin late.
    channel.close().catch(() => {})
    this.#later(connection)
  }

  #later(connection: Connection): void {
    clearTimeout(this.#timer)
    if (this.#connection !== connection) return
    this.#timer = setTimeout(() => void this.#attempt(connection), retryMs)
    this.#timer.unref()
  }
}

async function opened(connection: Connection): Promise<Channel> {
  const opening = connection.channel()
  try {
    return await inTime(opening, answerMs)
  } catch (error) {
    // One that comes late is nobody's.
    opening.then((late) => late.close()).catch(() => {})
    throw error
  }
}
