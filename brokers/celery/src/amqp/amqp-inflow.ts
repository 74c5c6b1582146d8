/** Task messages on their way to one worker: one channel, so that its consumers share one prefetch. */
import { BugError, type Logger } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { Inflow, InflowListener, InflowOptions, TaskArrival, TaskQueue } from '../transport.ts'
import type { AmqpLink, Connection } from './amqp-link.ts'
import { arrivalOf } from './amqp-message.ts'
import type { Declarations } from './declarations.ts'
import { OwnChannel } from './own-channel.ts'
import { isGlobalQos, prefetchOnWire } from './qos.ts'
import { SettlingChannel } from './settling-channel.ts'
import { taskQueueDeclaration } from './topology.ts'

/** What an inflow stands on. */
export interface InflowWorld {
  readonly link: AmqpLink
  readonly declarations: Declarations
  readonly logger: Logger
}

/** Consumer tags are ours to choose; they must differ on a channel. */
let tags = 0

export class AmqpInflow implements Inflow {
  readonly #world: InflowWorld
  readonly #listener: InflowListener
  readonly #lodging: OwnChannel<Channel>
  readonly #queues = new Map<string, TaskQueue>()
  /** Consumer tags by queue, on the channel that is there. */
  #consumers = new Map<string, string>()
  #settling: SettlingChannel | undefined
  #arrived: TaskArrival[] = []
  #prefetch: number
  #isQosDue = false
  #isPaused = false
  /** Consumers are begun and ended one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(world: InflowWorld, options: InflowOptions, listener: InflowListener) {
    this.#world = world
    this.#listener = listener
    this.#prefetch = options.prefetch
    for (const queue of options.queues) this.#queues.set(queue.name, queue)
    this.#lodging = new OwnChannel(
      {
        purpose: 'consuming',
        open: (connection) => connection.channel(),
        begin: (channel, connection, isFirst) => this.#begin(channel, connection, isFirst),
        ended: () => this.#ended(),
      },
      world.logger,
    )
  }

  /** @throws {LovageError} QUEUE_MISMATCH, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    await this.#world.link.lodge(this.#lodging)
  }

  /** Changes of one tick become one. With a limit for each consumer (see `isGlobalQos`) it counts for those that begin later. */
  setPrefetch(prefetch: number): void {
    if (prefetch === this.#prefetch) return
    this.#prefetch = prefetch
    if (this.#isQosDue) return
    this.#isQosDue = true
    setImmediate(() => {
      this.#isQosDue = false
      const { channel, connection } = this.#lodging
      if (channel !== undefined && connection !== undefined) this.#qos(channel, connection).catch(() => {})
    })
  }

  pause(): void {
    this.#isPaused = true
    this.#inTurn(() => this.#reconcile(false)).catch(() => {})
  }

  resume(): void {
    this.#isPaused = false
    this.#inTurn(() => this.#reconcile(false)).catch(() => {})
  }

  async add(queue: TaskQueue): Promise<void> {
    if (this.#queues.has(queue.name)) return
    this.#queues.set(queue.name, queue)
    try {
      await this.#inTurn(() => this.#reconcile(true))
    } catch (error) {
      if (this.#lodging.connection !== undefined) this.#queues.delete(queue.name)
      throw error
    }
  }

  async cancel(queue: string): Promise<void> {
    if (this.#queues.delete(queue)) await this.#inTurn(() => this.#reconcile(false))
  }

  async close(): Promise<void> {
    this.#isPaused = true
    this.#world.link.dislodge(this.#lodging)
    await this.#inTurn(() => this.#reconcile(false)).catch(() => {})
    this.#settling?.flush()
    await this.#lodging.close()
    this.#settling?.end()
    this.#settling = undefined
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  async #begin(channel: Channel, connection: Connection, isFirst: boolean): Promise<void> {
    this.#settling = new SettlingChannel(channel)
    this.#consumers = new Map()
    await this.#qos(channel, connection)
    await this.#inTurn(() => this.#reconcile(isFirst))
    await this.#qos(channel, connection)
  }

  async #qos(channel: Channel, connection: Connection): Promise<void> {
    await channel.prefetch(prefetchOnWire(this.#prefetch), isGlobalQos(connection.server, [...this.#queues.values()]))
  }

  /** Begins the consumers that should be and are not, and ends those that should not be. */
  async #reconcile(isStrict: boolean): Promise<void> {
    const { channel, connection } = this.#lodging
    if (channel === undefined || connection === undefined) return
    for (const [queue, tag] of this.#consumers) {
      if (!this.#isPaused && this.#queues.has(queue)) continue
      this.#consumers.delete(queue)
      await channel.cancel(tag)
    }
    if (this.#isPaused) return
    for (const queue of this.#queues.values()) {
      if (this.#consumers.has(queue.name) || this.#isPaused) continue
      await this.#declare(connection, queue, isStrict)
      await this.#consume(channel, queue.name)
    }
  }

  /** A queue that was there before with other flags is consumed as it is now. */
  async #declare(connection: Connection, queue: TaskQueue, isStrict: boolean): Promise<void> {
    try {
      await this.#world.declarations.again(connection, taskQueueDeclaration(queue))
    } catch (error) {
      if (isStrict) throw error
      this.#world.logger.error({ queue: queue.name, error: (error as Error).message }, 'a queue is not as it should be')
    }
  }

  async #consume(channel: Channel, queue: string): Promise<void> {
    const consumerTag = `lovage${++tags}`
    this.#consumers.set(queue, consumerTag)
    try {
      await channel.consume(queue, (message) => this.#take(channel, queue, message), { consumerTag, noAck: false })
    } catch (error) {
      this.#consumers.delete(queue)
      throw error
    }
  }

  #take(channel: Channel, queue: string, message: ConsumeMessage | null): void {
    const settling = this.#settling
    if (message === null) {
      this.#cancelled(queue)
      return
    }
    if (settling === undefined || this.#lodging.channel !== channel) return
    const tag = message.fields.deliveryTag
    // What was on its way when consuming ended is for others.
    if (this.#isPaused || !this.#consumers.has(queue)) return void settling.settle(tag, 'requeue')
    let isSettled = false
    if (this.#arrived.length === 0) queueMicrotask(() => this.#deliver())
    this.#arrived.push({
      ...arrivalOf(message),
      queue,
      settle(verdict) {
        if (isSettled)
          throw new BugError('SETTLED_TWICE', `expected a message of ${queue} to be settled once, got: ${verdict} again`)
        isSettled = true
        return settling.settle(tag, verdict)
      },
    })
  }

  /** All that one read of the socket brought. */
  #deliver(): void {
    const arrived = this.#arrived
    this.#arrived = []
    if (arrived.length > 0) this.#listener.deliver(arrived)
  }

  /** The broker ended the consumer: somebody deleted the queue, or it moved. */
  #cancelled(queue: string): void {
    if (!this.#consumers.delete(queue)) return
    this.#world.logger.warn({ queue }, 'RabbitMQ ended the consumer of a queue; declaring it again')
    this.#inTurn(() => this.#reconcile(false)).catch(() => {})
  }

  #ended(): void {
    this.#settling?.end()
    this.#settling = undefined
    this.#consumers = new Map()
    this.#arrived = []
    this.#listener.lost()
  }
}
