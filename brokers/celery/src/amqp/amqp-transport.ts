/** The transport over RabbitMQ: one connection to consume, one to publish, since a broker in need stops reading from those who publish. */
import { type LovageError, StoreError } from '@lovage/core'
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
import { untilWithdrawn } from '../until-withdrawn.ts'
import { AmqpInflow } from './amqp-inflow.ts'
import { AmqpLink } from './amqp-link.ts'
import { openMailbox } from './amqp-mailbox.ts'
import { type AmqpOptions, type AmqpSettings, amqpSettings } from './amqp-options.ts'
import { Declarations } from './declarations.ts'
import { Delays, isDelayed } from './delays.ts'
import { LinkWatchers } from './link-watchers.ts'
import { Publisher } from './publisher.ts'
import { Routes } from './routes.ts'
import { Teller } from './teller.ts'
import type { Declaration } from './topology.ts'

/** What was published before a close has so long to be confirmed. */
const drainMs = 10_000

/**
 * Connects, and stays connected until it is closed.
 * @throws {LovageError} OPTION_INVALID, URL_UNSUPPORTED; STORE_UNAVAILABLE when no broker takes the first connection
 */
export async function openAmqpTransport(options: AmqpOptions): Promise<Transport> {
  const transport = new AmqpTransport(amqpSettings(options))
  try {
    await transport.open()
    return transport
  } catch (error) {
    await transport.close()
    throw error
  }
}

class AmqpTransport implements Transport {
  readonly kind = 'amqp'
  readonly smallIsUrgent = false
  readonly #settings: AmqpSettings
  readonly #watchers = new LinkWatchers()
  readonly #routes = new Routes()
  readonly #delays: Delays
  readonly #inbound: AmqpLink
  readonly #outbound: AmqpLink
  readonly #inboundDeclarations: Declarations
  readonly #outboundDeclarations: Declarations
  readonly #publisher: Publisher
  readonly #teller: Teller
  readonly #open = new Set<() => Promise<void>>()
  #inboundOpened: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(settings: AmqpSettings) {
    const { logger } = settings
    this.#settings = settings
    this.#delays = new Delays(settings.delayQueues, logger)
    // The first connection may fail; this one is opened later, when only its loss can.
    this.#inbound = new AmqpLink({ ...settings, retryOnStartup: true }, 'consuming', this.#watchers.watchOf('consuming'))
    this.#outbound = new AmqpLink(settings, 'publishing', this.#watchers.watchOf('publishing'))
    this.#inboundDeclarations = new Declarations(this.#inbound, logger)
    this.#outboundDeclarations = new Declarations(this.#outbound, logger)
    this.#teller = new Teller(this.#outboundDeclarations, logger)
    this.#publisher = new Publisher({
      logger,
      isReady: () => this.#closed !== undefined || !this.#watchers.isAway('consuming'),
      addressOf: (publication, sinceMs) => this.#delays.addressOf(publication, sinceMs),
      isExpected: (address) => isDelayed(address) || this.#routes.to(address) !== undefined,
      restore: (publication) => this.#restore(publication),
    })
  }

  async open(): Promise<void> {
    this.#watchers.add({ lost: () => {}, back: () => this.#publisher.lodging.flow() })
    for (const lodger of [this.#outboundDeclarations, this.#publisher.lodging, this.#teller.lodging]) {
      await this.#outbound.lodge(lodger)
    }
  }

  async declare(queue: TaskQueue): Promise<void> {
    this.#checkOpen()
    const declaration = this.#delays.declarationOf(queue)
    await this.#outboundDeclarations.remember(declaration)
    this.#routes.add(queue, declaration)
  }

  publish(publications: readonly Publication[], signal?: AbortSignal): Promise<void> {
    const since = performance.now()
    const waiting = this.#delays.ready(this.#outboundDeclarations, publications)
    return waiting === undefined
      ? this.#publisher.publish(publications, since, signal)
      : untilWithdrawn(waiting, signal).then(() => this.#publisher.publish(publications, since, signal))
  }

  tell(exchange: MailboxBinding | undefined, publication: Publication): void {
    if (this.#closed === undefined) this.#teller.tell(exchange, publication)
  }

  async consume(options: InflowOptions, listener: InflowListener): Promise<Inflow> {
    const world = await this.#inboundWorld()
    await this.#delays.declare(this.#inboundDeclarations)
    this.#checkOpen()
    const { detectsQuorumQueues } = this.#settings
    const declarationOf = (queue: TaskQueue): Declaration => this.#delays.declarationOf(queue)
    const inflow = new AmqpInflow({ ...world, declarationOf, detectsQuorumQueues }, options, listener)
    const close = (): Promise<void> => inflow.close()
    // What comes may have the transport closed before this returns.
    this.#open.add(close)
    try {
      await inflow.open()
    } catch (error) {
      this.#open.delete(close)
      throw error
    }
    return inflow
  }

  async listen(mailbox: Mailbox, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>> {
    const close = await openMailbox(await this.#inboundWorld(), mailbox, onArrival)
    this.#checkOpen()
    this.#open.add(close)
    return async () => {
      if (this.#open.delete(close)) await close()
    }
  }

  watch(listener: LinkListener): () => void {
    return this.#watchers.add(listener)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const stop = AbortSignal.timeout(drainMs)
    await Promise.all([...this.#open].map((close) => close()))
    await this.#inbound.close()
    this.#publisher.lodging.flow()
    await this.#publisher.drain(this.#outbound.connection === undefined ? AbortSignal.abort() : stop)
    await this.#teller.drain()
    await Promise.all([this.#publisher.lodging.close(), this.#teller.lodging.close()])
    await this.#outbound.close()
  }

  /** Only who consumes or listens has the second connection. */
  async #inboundWorld(): Promise<{ link: AmqpLink; declarations: Declarations; logger: AmqpSettings['logger'] }> {
    this.#checkOpen()
    this.#inboundOpened ??= this.#inbound.lodge(this.#inboundDeclarations).catch((error: LovageError) => {
      this.#inboundOpened = undefined
      throw error
    })
    await this.#inboundOpened
    return { link: this.#inbound, declarations: this.#inboundDeclarations, logger: this.#settings.logger }
  }

  /** The queue that a message was for is gone, or one on the way there. */
  async #restore(publication: Publication): Promise<void> {
    const own = this.#routes.to(publication)
    const connection = await this.#outbound.up()
    const declarations = [...this.#delays.wayOf(publication), ...(own === undefined ? [] : [own])]
    for (const declaration of declarations) await this.#outboundDeclarations.again(connection, declaration)
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) {
      throw new StoreError('STORE_CLOSED', 'expected an open connection to RabbitMQ, got: it was closed here')
    }
  }
}
