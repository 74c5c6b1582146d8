/** A channel of an inflow: the consumers of some of its queues, and what is settled there. */
import { BugError, type Logger, LovageError, silentLogger } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { TaskArrival, TaskQueue } from '../transport.ts'
import type { AmqpLink, Connection, Lodger } from './amqp-link.ts'
import { arrivalOf } from './amqp-message.ts'
import { Consumers, type Grant } from './consumers.ts'
import type { Declarations } from './declarations.ts'
import { beforeDelay } from './delays.ts'
import { inTime, LateAnswer } from './in-time.ts'
import { OwnChannel } from './own-channel.ts'
import { isGlobalQos } from './qos.ts'
import { SettlingChannel } from './settling-channel.ts'
import type { Declaration } from './topology.ts'

/** What an inflow stands on. */
export interface InflowWorld {
  readonly link: AmqpLink
  readonly declarations: Declarations
  declarationOf(queue: TaskQueue): Declaration
  readonly detectsQuorumQueues: boolean
  readonly logger: Logger
}

/** Whose lane it is. */
export interface LaneHome {
  readonly prefetch: number
  /** Nothing is consumed meanwhile. */
  readonly isPaused: boolean
  /** The queues of this lane, by name. */
  queuesOf(lane: Lane): ReadonlyMap<string, TaskQueue>
  arrived(arrival: TaskArrival): void
  /** The channel is gone, and with it what was not settled. */
  ended(lane: Lane): void
  /** Nothing that came by it is in hand any more. */
  emptied(lane: Lane): void
  /** A queue may not be consumed, or not be declared and is not there, or does not answer. The channel may be closing. */
  refused(lane: Lane, queue: TaskQueue, error: LovageError): void
  /** All of its queues are consumed. */
  complete(lane: Lane): void
}

interface LateMessage {
  readonly settling: SettlingChannel
  readonly tag: number
  readonly grant: Grant
}

/** A broker that does not answer is not waited for to the end. */
const answerMs = 5000
/** Access refused, not found, locked: of one queue, as RabbitMQ says it. */
const refusals: ReadonlySet<unknown> = new Set([403, 404, 405])

export class Lane {
  readonly #world: InflowWorld
  readonly #home: LaneHome
  readonly #isPatient: boolean
  readonly #lodging: OwnChannel<Channel>
  readonly #lodger: Lodger
  /** On the channel that is there. */
  #consumers: Consumers | undefined
  #settling: SettlingChannel | undefined
  #inHand = 0
  #isAdjustDue = false
  #isClosed = false
  /** Messages that came when they were wanted no more. */
  readonly #late: LateMessage[] = []
  /** Consumers are begun and ended one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  /** @param isPatient whether a queue that is refused is tried again, without a word, for as long as it takes */
  constructor(world: InflowWorld, home: LaneHome, isPatient: boolean) {
    this.#world = world
    this.#home = home
    this.#isPatient = isPatient
    this.#lodging = new OwnChannel(
      {
        purpose: 'consuming',
        open: (connection) => connection.channel(),
        begin: (channel, connection, isFirst) => this.#begin(channel, connection, isFirst),
        ended: () => this.#ended(),
      },
      isPatient ? silentLogger : world.logger,
    )
    this.#lodger = isPatient ? unhurried(this.#lodging) : this.#lodging
  }

  /** Whether something that came by it is not settled. */
  get isLoaded(): boolean {
    return this.#inHand > 0
  }

  get connection(): Connection | undefined {
    return this.#lodging.connection
  }

  /** Whether it has a channel with the right kind of limit for its queues; undefined without a channel. */
  get isFit(): boolean | undefined {
    const { connection } = this.#lodging
    if (connection === undefined || this.#consumers === undefined) return undefined
    return this.#consumers.isGlobal === this.#isGlobal(connection)
  }

  /** @throws {LovageError} QUEUE_MISMATCH, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    await this.#world.link.lodge(this.#lodger)
    // It was closed while the link had no time for it.
    if (this.#isClosed) await this.close()
  }

  limit(): Promise<void> {
    return this.#inTurn(async () => this.#consumers?.limit(this.#home.prefetch))
  }

  /** Begins the consumers that should be and are not, and ends those that should not be. @throws {LovageError} if it is strict */
  reconcile(isStrict: boolean): Promise<void> {
    return this.#inTurn(() => this.#reconcile(isStrict))
  }

  /** Opens another channel; what is unsettled goes back. */
  restart(): void {
    const { channel } = this.#lodging
    this.#settling?.flush()
    if (channel !== undefined) this.#lodging.restart(channel)
  }

  /** Its queues are none by now. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#world.link.dislodge(this.#lodger)
    await inTime(this.reconcile(false), answerMs).catch(() => {})
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
    const limit = { prefetch: this.#home.prefetch, isGlobal: this.#isGlobal(connection) }
    const consumers = new Consumers(channel, limit, (message, grant) => {
      if (message === null) this.#cancelled(grant)
      else this.#take(channel, message, grant)
    })
    this.#consumers = consumers
    const begun = this.#inTurn(async () => {
      await consumers.limit(this.#home.prefetch)
      await this.#reconcile(isFirst && !this.#isPatient)
      await consumers.limit(this.#home.prefetch)
    })
    await (this.#isPatient ? begun.catch(() => this.#lodging.restart(channel)) : begun)
  }

  #isGlobal({ server }: Connection): boolean {
    const queues = this.#world.detectsQuorumQueues ? [...this.#home.queuesOf(this).values()] : []
    return isGlobalQos(server, queues)
  }

  async #reconcile(isStrict: boolean): Promise<void> {
    const consumers = this.#consumers
    const { connection } = this.#lodging
    if (consumers === undefined || connection === undefined) return
    const home = this.#home
    for (const queue of consumers.queues) if (home.isPaused || !home.queuesOf(this).has(queue)) await consumers.end(queue)
    for (const queue of [...home.queuesOf(this).values()]) {
      if (consumers.has(queue.name) || home.isPaused) continue
      if (await this.#declare(connection, queue, isStrict)) await this.#consume(consumers, queue, isStrict)
    }
    if (!home.isPaused) home.complete(this)
  }

  /** A queue that was there before with other flags is consumed as it is now. Answers whether it is to be consumed here. */
  async #declare(connection: Connection, queue: TaskQueue, isStrict: boolean): Promise<boolean> {
    try {
      await this.#world.declarations.again(connection, this.#world.declarationOf(queue))
      return true
    } catch (error) {
      // What was lost on the way is done on the next connection.
      if (isStrict || this.#lodging.connection !== connection) throw error
      if (isRefusal(error)) {
        this.#home.refused(this, queue, error)
        return this.#home.queuesOf(this).has(queue.name)
      }
      const { message } = error as Error
      if (LovageError.is(error, 'QUEUE_MISMATCH')) {
        this.#world.logger.error({ queue: queue.name, error: message }, 'a queue is not as it should be')
      } else {
        this.#world.logger.warn({ queue: queue.name, error: message }, 'a queue could not be declared; consuming what is there')
      }
      return true
    }
  }

  async #consume(consumers: Consumers, queue: TaskQueue, isStrict: boolean): Promise<void> {
    try {
      await consumers.begin(queue.name)
    } catch (error) {
      const { channel } = this.#lodging
      if (!isStrict && isRefusal(error)) this.#home.refused(this, queue, error)
      // Nothing else would be answered there.
      if (isLate(error) && channel !== undefined && this.#consumers === consumers) this.#lodging.restart(channel)
      throw error
    }
  }

  #take(channel: Channel, message: ConsumeMessage, grant: Grant): void {
    const settling = this.#settling
    if (settling === undefined || this.#lodging.channel !== channel) return
    const tag = message.fields.deliveryTag
    const queue = this.#home.queuesOf(this).get(grant.queue)
    // What was on its way when consuming ended is for others.
    if (queue === undefined || this.#home.isPaused || this.#consumers?.has(queue.name) !== true) {
      this.#giveBack({ settling, tag, grant })
      return
    }
    let isSettled = false
    this.#inHand++
    this.#home.arrived({
      ...beforeDelay(arrivalOf(message), queue),
      queue: queue.name,
      settle: (verdict) => {
        if (isSettled)
          throw new BugError('SETTLED_TWICE', `expected a message of ${queue.name} to be settled once, got: ${verdict} again`)
        isSettled = true
        if (this.#settling === settling) this.#settled(grant)
        return settling.settle(tag, verdict)
      },
    })
  }

  /** When consuming has ended: before, it would come again at once, and quorum queues count how often. */
  #giveBack(late: LateMessage): void {
    this.#late.push(late)
    if (this.#late.length > 1) return
    this.#inTurn(async () => {
      for (const { settling, tag, grant } of this.#late.splice(0)) {
        this.#consumers?.settled(grant)
        void settling.settle(tag, 'requeue')
      }
    }).catch(() => {})
  }

  #settled(grant: Grant): void {
    this.#inHand--
    if (this.#inHand === 0) this.#home.emptied(this)
    if (this.#consumers?.settled(grant) !== true || this.#isAdjustDue) return
    this.#isAdjustDue = true
    setImmediate(() => {
      this.#isAdjustDue = false
      this.#inTurn(async () => this.#consumers?.adjust()).catch(() => {})
    })
  }

  /** The broker ended the consumer: somebody deleted the queue, or it moved. */
  #cancelled(grant: Grant): void {
    if (this.#consumers?.forget(grant) !== true) return
    this.#world.logger.warn({ queue: grant.queue }, 'RabbitMQ ended the consumer of a queue; declaring it again')
    this.reconcile(false).catch(() => {})
  }

  #ended(): void {
    this.#settling?.end()
    this.#settling = undefined
    this.#consumers = undefined
    this.#late.length = 0
    // What was asked on the channel may never be answered.
    this.#turn = Promise.resolve()
    this.#home.ended(this)
    this.#inHand = 0
  }
}

/** The link, and all who live on it, go on before it has entered; what keeps it from that is tried again. */
function unhurried(lodger: Lodger): Lodger {
  return {
    enter: async (connection) => void lodger.enter(connection, false),
    leave: (cause) => lodger.leave(cause),
  }
}

function isRefusal(error: unknown): error is LovageError {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } }
  return refusals.has(cause?.code) || isLate(error)
}

/** The broker is there, and has no answer about this queue. */
function isLate(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof LateAnswer
}
