/** Task messages on their way to one worker: one channel, so that its consumers share one prefetch. */
import { BugError, type Logger } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { Inflow, InflowListener, InflowOptions, TaskArrival, TaskQueue } from '../transport.ts'
import type { AmqpLink, Connection } from './amqp-link.ts'
import { arrivalOf } from './amqp-message.ts'
import { Consumers } from './consumers.ts'
import type { Declarations } from './declarations.ts'
import { inTime } from './in-time.ts'
import { OwnChannel } from './own-channel.ts'
import { isGlobalQos } from './qos.ts'
import { SettlingChannel } from './settling-channel.ts'
import { taskQueueDeclaration } from './topology.ts'

/** What an inflow stands on. */
export interface InflowWorld {
  readonly link: AmqpLink
  readonly declarations: Declarations
  readonly logger: Logger
}

/** A broker that does not answer is not waited for to the end. */
const answerMs = 5000

export class AmqpInflow implements Inflow {
  readonly #world: InflowWorld
  readonly #listener: InflowListener
  readonly #lodging: OwnChannel<Channel>
  readonly #queues = new Map<string, TaskQueue>()
  /** On the channel that is there. */
  #consumers: Consumers | undefined
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

  /** Changes of one tick become one. */
  setPrefetch(prefetch: number): void {
    if (prefetch === this.#prefetch) return
    this.#prefetch = prefetch
    if (this.#isQosDue) return
    this.#isQosDue = true
    setImmediate(() => {
      this.#isQosDue = false
      this.#inTurn(async () => this.#consumers?.limit(this.#prefetch)).catch(() => {})
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
    const { channel, connection } = this.#lodging
    // Without a connection it is consumed on the next one.
    if (channel === undefined || connection === undefined) return
    if (this.#isGlobal(connection) !== this.#consumers?.isGlobal) {
      this.#lodging.restart(channel)
      return
    }
    try {
      await this.#inTurn(() => this.#reconcile(true))
    } catch (error) {
      if (this.#lodging.connection !== connection) return
      this.#queues.delete(queue.name)
      throw error
    }
  }

  async cancel(queue: string): Promise<void> {
    if (this.#queues.delete(queue)) await this.#inTurn(() => this.#reconcile(false))
  }

  async close(): Promise<void> {
    this.#isPaused = true
    this.#world.link.dislodge(this.#lodging)
    const ended = this.#inTurn(() => this.#reconcile(false))
    await inTime(ended, answerMs).catch(() => {})
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
    const limit = { prefetch: this.#prefetch, isGlobal: this.#isGlobal(connection) }
    const consumers = new Consumers(channel, limit, (queue, message, tag) => {
      if (message === null) this.#cancelled(queue, tag)
      else this.#take(channel, queue, message)
    })
    this.#consumers = consumers
    await this.#inTurn(async () => {
      await consumers.limit(this.#prefetch)
      await this.#reconcile(isFirst)
      await consumers.limit(this.#prefetch)
    })
  }

  #isGlobal({ server }: Connection): boolean {
    return isGlobalQos(server, [...this.#queues.values()])
  }

  /** Begins the consumers that should be and are not, and ends those that should not be. */
  async #reconcile(isStrict: boolean): Promise<void> {
    const consumers = this.#consumers
    const { connection } = this.#lodging
    if (consumers === undefined || connection === undefined) return
    for (const queue of consumers.queues) if (this.#isPaused || !this.#queues.has(queue)) await consumers.end(queue)
    for (const queue of this.#queues.values()) {
      if (consumers.has(queue.name) || this.#isPaused) continue
      await this.#declare(connection, queue, isStrict)
      await consumers.begin(queue.name)
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

  #take(channel: Channel, queue: string, message: ConsumeMessage): void {
    const settling = this.#settling
    if (settling === undefined || this.#lodging.channel !== channel) return
    const tag = message.fields.deliveryTag
    // What was on its way when consuming ended is for others.
    if (this.#isPaused || this.#consumers?.has(queue) !== true) return void settling.settle(tag, 'requeue')
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
  #cancelled(queue: string, tag: string): void {
    if (this.#consumers?.forget(queue, tag) !== true) return
    this.#world.logger.warn({ queue }, 'RabbitMQ ended the consumer of a queue; declaring it again')
    this.#inTurn(() => this.#reconcile(false)).catch(() => {})
  }

  #ended(): void {
    this.#settling?.end()
    this.#settling = undefined
    this.#consumers = undefined
    this.#arrived = []
    this.#listener.lost()
  }
}
