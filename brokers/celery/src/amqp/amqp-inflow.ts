/** Task messages on their way to one worker: one channel, so that its consumers share one prefetch, and one for each queue that was refused. */
import type { LovageError } from '@lovage/core'
import type { Inflow, InflowListener, InflowOptions, TaskArrival, TaskQueue } from '../transport.ts'
import { type InflowWorld, Lane, type LaneHome } from './lane.ts'

const none: ReadonlyMap<string, TaskQueue> = new Map()

/**
 * RabbitMQ closes the channel on which it refuses a consumer. A queue that it refused is on a channel of its own from then on, where
 * this costs nothing else, with the whole prefetch for itself when it may be consumed again.
 */
export class AmqpInflow implements Inflow, LaneHome {
  readonly #world: InflowWorld
  readonly #listener: InflowListener
  readonly #main: Lane
  readonly #shared = new Map<string, TaskQueue>()
  /** By the name of the queue that it is for. */
  readonly #own = new Map<string, Lane>()
  readonly #queueOf = new Map<Lane, ReadonlyMap<string, TaskQueue>>()
  /** Of queues that are consumed no more, until what is in hand by them is settled. */
  readonly #leaving = new Set<Lane>()
  /** Queues that are not to be had at present. */
  readonly #refused = new Set<string>()
  #arrived: TaskArrival[] = []
  #prefetch: number
  #isLimitDue = false
  #isPaused = false
  #isLosing = false

  constructor(world: InflowWorld, options: InflowOptions, listener: InflowListener) {
    this.#world = world
    this.#listener = listener
    this.#prefetch = options.prefetch
    for (const queue of options.queues) this.#shared.set(queue.name, queue)
    this.#main = new Lane(world, this, false)
  }

  get prefetch(): number {
    return this.#prefetch
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** @throws {LovageError} QUEUE_MISMATCH, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    await this.#main.open()
  }

  /** Changes of one tick become one. */
  setPrefetch(prefetch: number): void {
    if (prefetch === this.#prefetch) return
    this.#prefetch = prefetch
    if (this.#isLimitDue) return
    this.#isLimitDue = true
    setImmediate(() => {
      this.#isLimitDue = false
      for (const lane of this.#lanes()) lane.limit().catch(() => {})
    })
  }

  pause(): void {
    this.#isPaused = true
    this.#reconcile()
  }

  resume(): void {
    this.#isPaused = false
    this.#reconcile()
  }

  async add(queue: TaskQueue): Promise<void> {
    if (this.#shared.has(queue.name) || this.#own.has(queue.name)) return
    this.#shared.set(queue.name, queue)
    const { connection, isFit } = this.#main
    // Without a connection it is consumed on the next one.
    if (isFit === undefined) return
    if (!isFit) {
      this.#main.restart()
      return
    }
    try {
      await this.#main.reconcile(true)
    } catch (error) {
      if (this.#main.connection !== connection) return
      this.#shared.delete(queue.name)
      throw error
    }
  }

  async cancel(queue: string): Promise<void> {
    // What ends is ended first, or its channel is gone: what fails is about other queues, and tried again for them.
    if (this.#shared.delete(queue)) await this.#main.reconcile(false).catch(() => {})
    const own = this.#own.get(queue)
    if (own !== undefined) await this.#giveUp(queue, own)
  }

  async close(): Promise<void> {
    this.#isPaused = true
    await Promise.all(this.#lanes().map((lane) => lane.close()))
  }

  queuesOf(lane: Lane): ReadonlyMap<string, TaskQueue> {
    return lane === this.#main ? this.#shared : (this.#queueOf.get(lane) ?? none)
  }

  arrived(arrival: TaskArrival): void {
    if (this.#arrived.length === 0) queueMicrotask(() => this.#deliver())
    this.#arrived.push(arrival)
  }

  /** Consumers are told of a loss as a whole: what is in hand by other channels goes back as well. */
  ended(lane: Lane): void {
    this.emptied(lane)
    if (this.#isLosing || (lane !== this.#main && !lane.isLoaded)) return
    this.#isLosing = true
    for (const other of this.#lanes()) if (other !== lane && other.isLoaded) other.restart()
    this.#isLosing = false
    this.#arrived = []
    this.#listener.lost()
  }

  emptied(lane: Lane): void {
    if (this.#leaving.delete(lane)) lane.close().catch(() => {})
  }

  refused(lane: Lane, queue: TaskQueue, error: LovageError): void {
    if (!this.#refused.has(queue.name)) {
      this.#refused.add(queue.name)
      const { message } = error
      this.#world.logger.error({ queue: queue.name, error: message }, 'a queue may not be consumed; trying it from time to time')
    }
    if (lane !== this.#main || !this.#shared.delete(queue.name)) return
    const own = new Lane(this.#world, this, true)
    this.#own.set(queue.name, own)
    this.#queueOf.set(own, new Map([[queue.name, queue]]))
    own.open().catch(() => {})
  }

  complete(lane: Lane): void {
    for (const queue of this.queuesOf(lane).keys()) {
      if (this.#refused.delete(queue)) this.#world.logger.info({ queue }, 'a queue that might not be consumed is consumed again')
    }
  }

  #lanes(): readonly Lane[] {
    return [this.#main, ...this.#own.values(), ...this.#leaving]
  }

  #reconcile(): void {
    for (const lane of this.#lanes()) lane.reconcile(false).catch(() => {})
  }

  async #giveUp(queue: string, lane: Lane): Promise<void> {
    this.#own.delete(queue)
    this.#refused.delete(queue)
    this.#queueOf.delete(lane)
    if (!lane.isLoaded) return await lane.close()
    this.#leaving.add(lane)
    // What cannot be ended has ended with its channel.
    await lane.reconcile(false).catch(() => {})
  }

  /** All that one read of the socket brought. */
  #deliver(): void {
    const arrived = this.#arrived
    this.#arrived = []
    if (arrived.length > 0) this.#listener.deliver(arrived)
  }
}
