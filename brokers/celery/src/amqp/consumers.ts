/** The consumers of one channel, and how many messages they may have in hand. */
import { StoreError } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import { inTime } from './in-time.ts'
import { prefetchOnWire } from './qos.ts'

/** A consumer and its own limit, where limits are for each. */
export interface Grant {
  readonly queue: string
  readonly share: Share
  readonly tag: string
  readonly prefetch: number
  /** Messages that it brought and that are not settled. */
  out: number
  /** It brings no more. */
  isOver: boolean
}

/** What is consumed of one queue. */
interface Share {
  grants: Grant[]
  /** Messages in hand whose consumer is over: no limit of the broker's counts them. */
  orphans: number
  isConsumed: boolean
}

/** Null: the broker has ended the consumer. */
export type OnMessage = (message: ConsumeMessage | null, grant: Grant) => void

/** A quorum queue without a majority does not answer. */
const answerMs = 10_000
/** Consumer tags are ours to choose. */
let tags = 0
/** So many consumers of a queue have exactly what was asked for; each further one a quarter more, so that they stay few. */
const exactGrants = 4

/**
 * Where one limit is for all (see `isGlobalQos`), a queue has one consumer, and `basic.qos` changes the limit at any time. Where each
 * consumer has the limit that it began with, a higher one is made of more consumers of the same queue, and a lower one of fewer: at
 * most about fifty, however often it changes. Then up to a quarter more than the limit may be in hand for as long as it is lower
 * than it was.
 */
export class Consumers {
  readonly #channel: Channel
  readonly isGlobal: boolean
  readonly #onMessage: OnMessage
  readonly #shares = new Map<string, Share>()
  #prefetch: number

  constructor(channel: Channel, limit: { readonly prefetch: number; readonly isGlobal: boolean }, onMessage: OnMessage) {
    this.#channel = channel
    this.isGlobal = limit.isGlobal
    this.#prefetch = prefetchOnWire(limit.prefetch)
    this.#onMessage = onMessage
  }

  get queues(): readonly string[] {
    return [...this.#shares].filter(([, { isConsumed }]) => isConsumed).map(([queue]) => queue)
  }

  has(queue: string): boolean {
    return this.#shares.get(queue)?.isConsumed === true
  }

  /** @throws {StoreError} STORE_UNAVAILABLE; a refusal also ends the channel */
  async begin(queue: string): Promise<void> {
    const share = this.#shares.get(queue) ?? { grants: [], orphans: 0, isConsumed: true }
    share.isConsumed = true
    this.#shares.set(queue, share)
    try {
      const isExact = this.isGlobal || this.#prefetch === 0
      await this.#grant(queue, share, isExact ? this.#prefetch : Math.max(1, this.#prefetch - share.orphans))
    } catch (error) {
      this.#shares.delete(queue)
      throw refusedConsumer(queue, error)
    }
  }

  async end(queue: string): Promise<void> {
    const share = this.#shares.get(queue)
    if (share === undefined) return
    share.isConsumed = false
    await this.#cancel(share, share.grants.splice(0))
    if (!share.isConsumed && share.orphans === 0) this.#shares.delete(queue)
  }

  /** The broker has ended it, and the others of its queue. Answers whether that was not known. */
  forget({ share, isOver }: Grant): boolean {
    if (isOver) return false
    share.isConsumed = false
    for (const grant of share.grants.splice(0)) retire(share, grant)
    return true
  }

  /** Tells the broker the limit; needed before the first consumer where it is one for all. */
  async limit(prefetch: number): Promise<void> {
    this.#prefetch = prefetchOnWire(prefetch)
    if (this.isGlobal) await this.#channel.prefetch(this.#prefetch, true)
    else await this.adjust()
  }

  /** Makes the consumers what the limit and the messages in hand ask for. */
  async adjust(): Promise<void> {
    for (const [queue, share] of this.#shares) if (share.isConsumed) await this.#adjust(queue, share)
  }

  /** Counts a message as settled. Answers whether there are fewer consumers now than the limit asks for. */
  settled(grant: Grant): boolean {
    grant.out--
    if (!grant.isOver) return false
    const { share } = grant
    share.orphans--
    return share.isConsumed && this.#prefetch > 0 && granted(share) < this.#prefetch
  }

  async #adjust(queue: string, share: Share): Promise<void> {
    const wanted = this.#prefetch
    const { grants } = share
    const hasNoLimit = grants.some(({ prefetch }) => prefetch === 0)
    if (wanted === 0 && hasNoLimit) return
    if (wanted === 0 || hasNoLimit) return await this.#replace(queue, share, grants.length)
    let excess = granted(share) - wanted
    if (excess < 0) {
      const least = grants.length < exactGrants ? 0 : Math.ceil(sum(grants) / 4)
      return await this.#grant(queue, share, Math.max(-excess, least))
    }
    // Less than the last consumer of one message there cannot be.
    if (excess <= Math.floor(wanted / 4) || sum(grants) === 1) return
    let count = 0
    for (; excess > 0 && count < grants.length; count++) excess -= grants.at(-1 - count)?.prefetch ?? 0
    await this.#replace(queue, share, count)
  }

  /** Ends so many of the consumers, the last first, and begins one for what is left. Never is there none: some queues end with their last. */
  async #replace(queue: string, share: Share, count: number): Promise<void> {
    const ending = share.grants.splice(share.grants.length - count)
    for (const grant of ending) retire(share, grant)
    const room = this.#prefetch - granted(share)
    if (this.#prefetch === 0) await this.#grant(queue, share, 0)
    else if (share.grants.length === 0 || room > 0) await this.#grant(queue, share, Math.max(1, room))
    await this.#cancel(share, ending)
  }

  async #cancel(share: Share, grants: readonly Grant[]): Promise<void> {
    for (const grant of grants) {
      retire(share, grant)
      await this.#channel.cancel(grant.tag)
    }
  }

  async #grant(queue: string, share: Share, prefetch: number): Promise<void> {
    const grant: Grant = { queue, share, tag: `lovage${++tags}`, prefetch, out: 0, isOver: false }
    if (!this.isGlobal) await this.#channel.prefetch(prefetch, false)
    share.grants.push(grant)
    const take = (message: ConsumeMessage | null): void => {
      if (message !== null) {
        grant.out++
        if (grant.isOver) share.orphans++
      }
      this.#onMessage(message, grant)
    }
    await inTime(this.#channel.consume(queue, take, { consumerTag: grant.tag, noAck: false }), answerMs)
  }
}

function retire(share: Share, grant: Grant): void {
  if (grant.isOver) return
  grant.isOver = true
  share.orphans += grant.out
}

function sum(grants: readonly Grant[]): number {
  return grants.reduce((all, { prefetch }) => all + prefetch, 0)
}

/** How many messages may be in hand. */
function granted({ grants, orphans }: Share): number {
  return sum(grants) + orphans
}

/** Another program has the queue for itself, or the user may not read from it. */
export function refusedConsumer(queue: string, cause: unknown): StoreError {
  const got = (cause as Error).message
  return new StoreError('STORE_UNAVAILABLE', `expected RabbitMQ to let queue "${queue}" be consumed, got: ${got}`, {
    cause,
    subject: queue,
  })
}
