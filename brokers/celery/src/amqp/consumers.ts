/** The consumers of one channel, and how many messages they may have in hand. */
import { StoreError } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import { prefetchOnWire } from './qos.ts'

/** A consumer and its own limit, where limits are for each. */
interface Grant {
  readonly tag: string
  readonly prefetch: number
}

/** Null: the broker has ended the consumer with this tag. */
export type OnMessage = (queue: string, message: ConsumeMessage | null, tag: string) => void

/** Consumer tags are ours to choose. */
let tags = 0

/**
 * Where one limit is for all (see `isGlobalQos`), a queue has one consumer, and `basic.qos` changes the limit at any time. Where each
 * consumer has the limit that it began with, a higher one is made of more consumers of the same queue, and a lower one of fewer.
 */
export class Consumers {
  readonly #channel: Channel
  readonly isGlobal: boolean
  readonly #onMessage: OnMessage
  readonly #grants = new Map<string, Grant[]>()
  #prefetch: number

  constructor(channel: Channel, limit: { readonly prefetch: number; readonly isGlobal: boolean }, onMessage: OnMessage) {
    this.#channel = channel
    this.isGlobal = limit.isGlobal
    this.#prefetch = prefetchOnWire(limit.prefetch)
    this.#onMessage = onMessage
  }

  get queues(): readonly string[] {
    return [...this.#grants.keys()]
  }

  has(queue: string): boolean {
    return this.#grants.has(queue)
  }

  async begin(queue: string): Promise<void> {
    const grants: Grant[] = []
    this.#grants.set(queue, grants)
    try {
      await this.#grant(queue, grants, this.#prefetch)
    } catch (error) {
      this.#grants.delete(queue)
      throw refusedConsumer(queue, error)
    }
  }

  async end(queue: string): Promise<void> {
    const grants = this.#grants.get(queue) ?? []
    this.#grants.delete(queue)
    for (const { tag } of grants) await this.#channel.cancel(tag)
  }

  /** The broker has ended one of a queue, and the others with it. Answers whether it was one that is counted. */
  forget(queue: string, tag: string): boolean {
    return this.#grants.get(queue)?.some((grant) => grant.tag === tag) === true && this.#grants.delete(queue)
  }

  /** Tells the broker the limit; needed before the first consumer where it is one for all. */
  async limit(prefetch: number): Promise<void> {
    this.#prefetch = prefetchOnWire(prefetch)
    if (this.isGlobal) await this.#channel.prefetch(this.#prefetch, true)
    else for (const [queue, grants] of this.#grants) await this.#adjust(queue, grants)
  }

  async #adjust(queue: string, grants: Grant[]): Promise<void> {
    const wanted = this.#prefetch
    while (grants.length > 0 && (sum(grants) > wanted || hasNoLimit(grants) !== (wanted === 0))) {
      const last = grants.pop() as Grant
      await this.#channel.cancel(last.tag)
    }
    if (grants.length === 0 || sum(grants) < wanted) await this.#grant(queue, grants, wanted - sum(grants))
  }

  async #grant(queue: string, grants: Grant[], prefetch: number): Promise<void> {
    const tag = `lovage${++tags}`
    if (!this.isGlobal) await this.#channel.prefetch(prefetch, false)
    grants.push({ tag, prefetch })
    await this.#channel.consume(queue, (message) => this.#onMessage(queue, message, tag), { consumerTag: tag, noAck: false })
  }
}

function sum(grants: readonly Grant[]): number {
  return grants.reduce((all, { prefetch }) => all + prefetch, 0)
}

/** 0 is no limit. */
function hasNoLimit(grants: readonly Grant[]): boolean {
  return grants.some(({ prefetch }) => prefetch === 0)
}

/** Another program has the queue for itself, or the user may not read from it. */
export function refusedConsumer(queue: string, cause: unknown): StoreError {
  const got = (cause as Error).message
  return new StoreError('STORE_UNAVAILABLE', `expected RabbitMQ to let queue "${queue}" be consumed, got: ${got}`, {
    cause,
    subject: queue,
  })
}
