/** The Transport of a Celery cluster on Redis, in kombu's layout, and safer where the wire allows. */
import type { ConnectionOptions } from 'node:tls'
import type { Clock } from '@lovage/core'
import type {
  Arrival,
  Inflow,
  InflowListener,
  InflowOptions,
  LinkListener,
  Mailbox,
  MailboxBinding,
  Publication,
  TaskQueue,
  Transport,
} from '../transport.ts'
import { type KombuLayout, kombuLayout, topicPattern } from './kombu-layout.ts'
import { RedisInflow } from './redis-inflow.ts'
import type { RedisLine } from './redis-line.ts'
import { RedisLink } from './redis-link.ts'
import { RedisMailboxes } from './redis-mailboxes.ts'
import { type RedisSettings, type RedisTransportOptions, redisSettings } from './redis-options.ts'
import { RedisPublisher } from './redis-publisher.ts'
import { refused } from './redis-refusal.ts'
import { restoreForever } from './redis-restorer.ts'

export interface RedisTransportPlan {
  /** `redis://`, `rediss://` or `redis+socket://`. */
  readonly url: string
  readonly clock: Clock
  /** kombu's `broker_transport_options`. */
  readonly options?: RedisTransportOptions | undefined
  /** What settings say of TLS; the URL may say more. */
  readonly tls?: ConnectionOptions | undefined
}

/**
 * Joins Redis.
 *
 * Messages that were delivered stay this process's while it lives, whatever happens to the connection: `lost` is never told, what is
 * settled meanwhile is settled when Redis is back, and what Redis forgot in a crash it is told again. `settle` answers false only when
 * others took a message for abandoned, because this process stood still for longer than the visibility timeout.
 *
 * A worker waits for a word of Redis instead of blocking on its lists, so that nothing is ever in no key. Of an idle Python worker and
 * an idle one of ours, Python's is therefore the quicker to take a single message; of many, each takes what it has room for.
 * @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED; UNSUPPORTED by a Redis older than 6
 * @throws {StoreError} STORE_UNAVAILABLE when it cannot be reached; once it was, it is tried for ever
 */
export async function openRedisTransport({ url, clock, options, tls }: RedisTransportPlan): Promise<Transport> {
  const settings = redisSettings(url, options, tls)
  let transport: RedisTransport | undefined
  const link = await RedisLink.open(settings, clock, {
    message() {},
    patternMessage: (pattern, text) => transport?.patternMessage(pattern, text),
    invalidated: (keys) => transport?.stirred(keys),
  })
  transport = new RedisTransport(link, clock, settings)
  await link.lodge(transport)
  return transport
}

class RedisTransport implements Transport {
  readonly kind = 'redis'
  readonly smallIsUrgent = true
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #settings: RedisSettings
  readonly #layout: KombuLayout
  readonly #mailboxes: RedisMailboxes
  readonly #publisher: RedisPublisher
  readonly #inflows = new Set<RedisInflow>()
  /** Bindings that were made sure of on this line. */
  readonly #declared = new Map<string, Promise<void>>()
  #endRestoring: (() => void) | undefined

  constructor(link: RedisLink, clock: Clock, settings: RedisSettings) {
    this.#link = link
    this.#clock = clock
    this.#settings = settings
    this.#layout = kombuLayout(settings)
    this.#mailboxes = new RedisMailboxes(link, this.#layout)
    this.#publisher = new RedisPublisher(link, settings, this.#layout, (lists) => this.stirred(lists))
  }

  patternMessage(pattern: string, text: string): void {
    this.#mailboxes.patternMessage(pattern, text)
  }

  /** Something happened to these lists. */
  stirred(lists: readonly string[] | undefined): void {
    for (const inflow of this.#inflows) inflow.wake(lists)
    this.#mailboxes.wake(lists)
  }

  async enter(line: RedisLine): Promise<void> {
    this.#declared.clear()
    await this.#mailboxes.enter(line)
    for (const inflow of this.#inflows) await inflow.enter(line)
    await this.#publisher.enter(line)
  }

  declare(queue: TaskQueue): Promise<void> {
    const { exchange, exchangeType, routingKey, name } = queue
    if (exchangeType === 'fanout') this.#publisher.fanOut(exchange)
    if (exchange === '') return Promise.resolve()
    const key = this.#layout.bindings(exchange)
    const pattern = exchangeType === 'topic' ? topicPattern(routingKey) : ''
    const member = this.#layout.member({ routingKey, pattern, queue: name })
    const known = this.#declared.get(key + member)
    if (known !== undefined) return known
    const declared = this.#link
      .persist((line) => line.ask(['SADD', key, member]))
      .then(
        () => {},
        (error: Error) => {
          this.#declared.delete(key + member)
          throw refused(error)
        },
      )
    this.#declared.set(key + member, declared)
    return declared
  }

  publish(publications: readonly Publication[], signal?: AbortSignal): Promise<void> {
    return this.#publisher.publish(publications, signal)
  }

  tell(exchange: MailboxBinding | undefined, publication: Publication): void {
    this.#publisher.tell(exchange, publication)
  }

  async consume({ queues, prefetch }: InflowOptions, listener: InflowListener): Promise<Inflow> {
    const inflow: RedisInflow = new RedisInflow(
      {
        link: this.#link,
        clock: this.#clock,
        settings: this.#settings,
        layout: this.#layout,
        listener,
        join: (queue, onArrival) => this.#join(queue, onArrival),
        stirred: (lists) => this.stirred(lists),
        onClosed: () => void this.#inflows.delete(inflow),
      },
      prefetch,
    )
    this.#inflows.add(inflow)
    try {
      for (const queue of queues) await inflow.add(queue)
      await this.#link.persist((line) => inflow.enter(line))
    } catch (error) {
      await inflow.close()
      throw refused(error as Error)
    }
    this.#endRestoring ??= restoreForever({
      link: this.#link,
      clock: this.#clock,
      settings: this.#settings,
      layout: this.#layout,
      isOurs: (name) => [...this.#inflows].some((each) => each.holds(name)),
      stirred: (lists) => this.stirred(lists),
    })
    return inflow
  }

  listen(mailbox: Mailbox, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>> {
    return this.#mailboxes.listen(mailbox, onArrival)
  }

  watch(listener: LinkListener): () => void {
    return this.#link.watch(listener)
  }

  async close(): Promise<void> {
    this.#endRestoring?.()
    await Promise.all([...this.#inflows].map((inflow) => inflow.close()))
    await this.#link.close()
  }

  async #join(queue: TaskQueue, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>> {
    const { name, exchange, routingKey, autoDelete } = queue
    if (queue.exchangeType === 'fanout') {
      this.#publisher.fanOut(exchange)
      const binding = { exchange, exchangeType: 'fanout', exchangeDurable: true, routingKeys: [routingKey] } as const
      return this.#mailboxes.hear(name, binding, onArrival)
    }
    await this.declare(queue)
    return async () => {
      if (autoDelete) await this.#remove(queue)
    }
  }

  async #remove({ name, exchange, exchangeType, routingKey }: TaskQueue): Promise<void> {
    const { line } = this.#link
    if (line === undefined) return
    const pattern = exchangeType === 'topic' ? topicPattern(routingKey) : ''
    const unbound = line.ask(['SREM', this.#layout.bindings(exchange), this.#layout.member({ routingKey, pattern, queue: name })])
    await Promise.all([unbound, line.ask(['DEL', ...this.#layout.lists(name)])]).catch(() => {})
  }
}
