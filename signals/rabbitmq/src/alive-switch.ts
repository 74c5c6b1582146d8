/**
 * The switch of one holder: a message that it keeps without acknowledging it, on a channel of its own. When the connection goes,
 * the broker puts the message back into its queue, where it may stay for no time at all: so it moves on to those who watch.
 */
import { StoreError, splitWorker } from '@lovage/core'
import type { ConfirmChannel, ConsumeMessage, Replies } from 'amqplib'
import type { Connection } from './broker-link.ts'
import type { Names } from './names.ts'

/** What the switch says when its holder is gone; C3 of the protocol. */
export interface CrashMessage {
  readonly kind: 'worker-crashed'
  /** The holder: this start of the worker. */
  readonly incarnation: string
  readonly workerGroup: string
  readonly workerId: string
  /** ISO time. */
  readonly armedAt: string
}

/** A switch that nobody holds is forgotten after so long; an hour is longer than any broker needs to notice. */
const forgottenAfterMs = 3_600_000
/** The one that is kept, and the one that replaces it. */
const prefetch = 2

/** How the queue of a switch is declared, by those who hold it as by those who look at it. */
export function declareSwitch(
  channel: Pick<ConfirmChannel, 'assertQueue'>,
  names: Names,
  holder: string,
): Promise<Replies.AssertQueue> {
  return channel.assertQueue(names.alive(holder), {
    durable: true,
    messageTtl: 0,
    expires: forgottenAfterMs,
    deadLetterExchange: '',
    deadLetterRoutingKey: names.crashed,
  })
}

export class AliveSwitch {
  readonly holder: string
  readonly #worker: string
  readonly #names: Names
  readonly #now: () => number
  readonly #onBroken: () => void
  #channel: ConfirmChannel | undefined
  #kept: ConsumeMessage | undefined
  #number = 0
  #arrived: ((message: ConsumeMessage) => void) | undefined

  /** @param onBroken the broker closed the channel, and has told that the holder is gone */
  constructor(holder: string, worker: string, place: { names: Names; now: () => number; onBroken: () => void }) {
    this.holder = holder
    this.#worker = worker
    this.#names = place.names
    this.#now = place.now
    this.#onBroken = place.onBroken
  }

  /** Resolves when the message is in hand: from then on the others would notice. */
  async arm(connection: Connection): Promise<void> {
    if (this.#channel !== undefined) return
    const channel = await connection.confirmChannel()
    this.#channel = channel
    this.#kept = undefined
    channel.on('close', () => {
      if (this.#channel !== channel) return
      this.#channel = undefined
      this.#onBroken()
    })
    await declareSwitch(channel, this.#names, this.holder)
    await channel.prefetch(prefetch)
    // Should the broker believe in an older connection of this process still, the newer one is served first.
    const priority = ++this.#number
    await channel.consume(this.#names.alive(this.holder), (message) => this.#take(channel, message), { priority })
    await this.#post(channel)
  }

  /** Keeps a new message in place of the old one: the broker closes channels that keep one for too long. */
  async rearm(): Promise<void> {
    const channel = this.#channel
    const old = this.#kept
    if (channel === undefined || old === undefined) return
    await this.#post(channel)
    channel.ack(old)
  }

  /** The connection is gone. */
  forget(): void {
    this.#channel = undefined
    this.#kept = undefined
  }

  /** Lets go so that nobody is told. Resolves when the broker knows. */
  async release(): Promise<void> {
    const channel = this.#channel
    this.#channel = undefined
    if (channel === undefined) return
    if (this.#kept !== undefined) channel.ack(this.#kept)
    // An answer means that the broker has read what came before; one that just hears the end of a connection may not have.
    await channel.deleteQueue(this.#names.alive(this.holder))
    await channel.close()
  }

  async #post(channel: ConfirmChannel): Promise<void> {
    const armedAt = new Date(this.#now()).toISOString()
    const text: CrashMessage = { kind: 'worker-crashed', incarnation: this.holder, ...splitWorker(this.#worker), armedAt }
    const messageId = `${this.holder}/${++this.#number}`
    let broken = (): void => {}
    const arrived = new Promise<ConsumeMessage>((resolve, reject) => {
      this.#arrived = resolve
      broken = () => reject(closed(this.holder))
    })
    arrived.catch(() => {})
    channel.once('close', broken)
    channel.sendToQueue(this.#names.alive(this.holder), Buffer.from(JSON.stringify(text)), {
      persistent: false,
      contentType: 'application/json',
      messageId,
    })
    try {
      await channel.waitForConfirms()
      this.#kept = await arrived
    } finally {
      channel.off('close', broken)
    }
  }

  #take(channel: ConfirmChannel, message: ConsumeMessage | null): void {
    if (channel !== this.#channel) return
    if (message === null) {
      // Somebody deleted the queue, and what was in it.
      channel.close().catch(() => {})
      return
    }
    const { messageId } = message.properties
    if (messageId === `${this.holder}/${this.#number}`) this.#arrived?.(message)
    // One of an older connection, which came here because this process lives.
    else channel.ack(message)
  }
}

function closed(holder: string): StoreError {
  return new StoreError(
    'STORE_UNAVAILABLE',
    `expected the switch of ${holder} to come back from the broker, got: a closed channel`,
  )
}
