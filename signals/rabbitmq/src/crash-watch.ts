/** Hears of holders that are gone: takes their switches from the queue that these move on to. Each goes to one who watches. */
import type { Clock } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import { type CrashMessage, declareSwitch } from './alive-switch.ts'
import type { Connection } from './broker-link.ts'
import { inTime } from './in-time.ts'
import type { Names } from './names.ts'
import { answerMs, OwnChannel, stuckAfter } from './own-channel.ts'

/** So many are looked at side by side. */
const prefetch = 32
/** Whom nobody could bury is buried a little later, here or elsewhere. */
const giveBackMs = 1000

export interface CrashWatchOptions {
  readonly names: Names
  readonly clock: Clock
  /** How long a holder may take to come back. */
  readonly graceMs: number
  /** And one whose switch lay there before this process came: after a restart of the broker all are on their way back. */
  readonly backlogGraceMs: number
  /** Whether another witness says that it is gone: then there is nothing to wait for. */
  isGone(holder: string): Promise<boolean>
  /** Rejects when it could not be done. */
  onLost(holder: string): Promise<void>
}

export class CrashWatch {
  readonly #options: CrashWatchOptions
  readonly #own = new OwnChannel((channel) => inTime(this.#consume(channel), answerMs))
  #connection: Connection | undefined
  #attempts = 0

  constructor(options: CrashWatchOptions) {
    this.#options = options
  }

  /** Switches that come while the queue is not there are lost, so that whoever holds one declares it as well. */
  static async declare(channel: Pick<Channel, 'assertQueue'>, names: Names): Promise<number> {
    const queue = await channel.assertQueue(names.crashed, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
    return queue.messageCount
  }

  /** Harmless when it has begun on this connection. */
  async begin(connection: Connection): Promise<void> {
    if (this.#connection === connection) return
    this.#connection = connection
    await this.#own.open(connection)
  }

  forget(): void {
    this.#connection = undefined
    this.#own.forget()
  }

  async end(): Promise<void> {
    this.#connection = undefined
    await this.#own.close()
  }

  /** Whether nobody holds this switch; undefined when the broker cannot be asked. */
  async isGone(holder: string): Promise<boolean | undefined> {
    let isGone: boolean | undefined
    await this.#own.run(async (channel) => {
      isGone = !(await this.#isBack(channel, holder))
    })
    return isGone
  }

  async #consume(channel: Channel): Promise<void> {
    const { names, graceMs, backlogGraceMs } = this.#options
    if (this.#attempts++ >= stuckAfter) {
      this.#attempts = 0
      await channel.deleteQueue(names.crashed)
    }
    let backlog = await CrashWatch.declare(channel, names)
    await channel.prefetch(prefetch)
    await channel.consume(names.crashed, (message) => {
      if (message === null) {
        // The queue was deleted: on the next channel it is declared again.
        channel.close().catch(() => {})
        return
      }
      const wait = backlog-- > 0 ? Math.max(graceMs, backlogGraceMs) : graceMs
      void this.#look(channel, message, wait)
    })
    this.#attempts = 0
  }

  async #look(channel: Channel, message: ConsumeMessage, waitMs: number): Promise<void> {
    const { clock, isGone, onLost } = this.#options
    const holder = holderIn(message)
    try {
      if (holder !== undefined) {
        const isWorthWaiting = waitMs > 0 && !(await isGone(holder).catch(() => false))
        if (isWorthWaiting) await new Promise<void>((resolve) => void clock.at(clock.now() + waitMs, resolve))
        if (!this.#own.isCurrent(channel)) return
        if (!(await this.#isBack(channel, holder))) await onLost(holder)
      }
      this.#settle(channel, () => channel.ack(message))
    } catch {
      clock.at(clock.now() + giveBackMs, () => this.#settle(channel, () => channel.nack(message, false, true)))
    }
  }

  /** The same incarnation holds its switch again: its connection was cut, and it lives. */
  async #isBack(channel: Channel, holder: string): Promise<boolean> {
    return (await declareSwitch(channel, this.#options.names, holder)).consumerCount > 0
  }

  #settle(channel: Channel, settle: () => void): void {
    if (!this.#own.isCurrent(channel)) return
    try {
      settle()
    } catch {
      // The channel is closing, which gives back what is in hand.
    }
  }
}

/** Undefined for what is not ours. */
function holderIn(message: ConsumeMessage): string | undefined {
  try {
    const { kind, incarnation } = JSON.parse(message.content.toString()) as Partial<CrashMessage>
    return kind === 'worker-crashed' && typeof incarnation === 'string' ? incarnation : undefined
  } catch {
    return undefined
  }
}
