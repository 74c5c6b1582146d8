/** The inflow of one worker from Celery's queues: reads what comes, refuses what is no task, and hands over the rest. */
import { type ConsumeOptions, type Consumer, type ConsumerListener, failureFrom, type Outcome, ProtocolError } from '@lovage/core'
import type { Member } from '../member.ts'
import type { Inflow, TaskArrival, TaskQueue } from '../transport.ts'
import type { AcceptedContent } from '../wire/content.ts'
import { decodeTask } from '../wire/decode-task.ts'
import type { TaskFault, TaskRequest } from '../wire/task-message.ts'
import type { BuiltInHost, BuiltInTasks } from './built-in-tasks.ts'
import { CeleryDelivery, type DeliveryHome } from './celery-delivery.ts'
import { EtaHold } from './eta-hold.ts'
import { InFlight } from './in-flight.ts'
import { deliveredMessage } from './incoming-task.ts'
import type { RevokedStamps } from './revoked-stamps.ts'
import type { Settler } from './settler.ts'

const firstPauseMs = 100
const longestPauseMs = 10_000

const counted = Promise.resolve(true)

export interface ConsumerParts {
  readonly member: Member
  readonly settler: Settler
  readonly builtIn: BuiltInTasks
  readonly stamps: RevokedStamps
}

export class CeleryConsumer implements Consumer, DeliveryHome {
  readonly holder: string
  /** Resolves when it has closed. */
  readonly closed: Promise<void>
  readonly #parts: ConsumerParts
  readonly #listener: ConsumerListener
  readonly #accept: AcceptedContent
  readonly #known: ReadonlySet<string>
  readonly #unsettled = new Set<CeleryDelivery>()
  readonly #settling = new InFlight()
  /** Runs that came while the one before was being settled. */
  readonly #early = new Map<CeleryDelivery, TaskArrival[]>()
  /** Tasks of Celery's own whose time has not come. */
  readonly #waiting: EtaHold
  /** Work of the broker's own that failed, until it is tried again. */
  readonly #again: EtaHold
  readonly #host: BuiltInHost
  readonly #tell = (error: unknown): void => {
    this.#listener.error(error instanceof Error ? error : new ProtocolError('PROTOCOL_INVALID', failureFrom(error).message))
  }
  #prefetch: number
  #inflow: Inflow | undefined
  #closing: Promise<void> | undefined
  #markClosed: () => void = () => {}

  private constructor(parts: ConsumerParts, options: ConsumeOptions, listener: ConsumerListener) {
    this.#parts = parts
    this.#listener = listener
    this.#accept = new Set(parts.member.settings.accept_content)
    this.#known = new Set(options.tasks.map(({ name }) => name))
    this.#prefetch = options.prefetch
    this.#waiting = new EtaHold(parts.member.clock, () => this.#tune())
    this.#again = new EtaHold(parts.member.clock)
    this.#host = { knows: (task) => this.#known.has(task), deliver: (delivery) => listener.deliver([delivery]) }
    this.holder = `${options.worker}/${parts.member.newId()}`
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve
    })
  }

  static async open(parts: ConsumerParts, options: ConsumeOptions, listener: ConsumerListener): Promise<CeleryConsumer> {
    const consumer = new CeleryConsumer(parts, options, listener)
    const queues = options.queues.map((name) => queueNamed(parts.member, name))
    const inflow = { queues: [...new Map(queues.map((queue) => [queue.name, queue])).values()], prefetch: options.prefetch }
    consumer.#inflow = await parts.member.transport.consume(inflow, {
      deliver: (arrivals) => consumer.#receive(arrivals),
      lost: () => consumer.#lose(),
    })
    return consumer
  }

  pause(): void {
    this.#inflow?.pause()
  }

  resume(): void {
    this.#inflow?.resume()
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch
    this.#tune()
  }

  async addQueue(queue: string): Promise<void> {
    await this.#inflow?.add(queueNamed(this.#parts.member, queue))
  }

  async cancelQueue(queue: string): Promise<void> {
    await this.#inflow?.cancel(queueNamed(this.#parts.member, queue).name)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** What others said meanwhile was not heard. */
  comeBack(): void {
    if (this.#closing === undefined) this.#listener.back?.()
  }

  begun(delivery: CeleryDelivery): void {
    if (delivery.policy.trackStarted) this.#told(this.#parts.settler.started(delivery))
  }

  progress(delivery: CeleryDelivery, value: unknown): void {
    this.#parts.settler.progress(delivery, value)
  }

  abandon(delivery: CeleryDelivery): void {
    if (!this.#unsettled.delete(delivery)) return
    this.#parts.member.held.remove(delivery)
    if (!delivery.acknowledged) this.#told(delivery.arrival.settle('requeue'))
    this.#next(delivery)
  }

  acknowledge(arrival: TaskArrival): void {
    this.#told(arrival.settle('ack'))
  }

  settle(delivery: CeleryDelivery, outcome: Outcome): Promise<boolean> {
    if (!this.#parts.settler.isSafe(delivery, outcome)) return this.#settle(delivery, outcome)
    this.#forget(delivery)
    return counted
  }

  async #settle(delivery: CeleryDelivery, outcome: Outcome): Promise<boolean> {
    this.#settling.begin()
    try {
      const hasCounted = await this.#parts.settler.settle(delivery, outcome)
      this.#forget(delivery)
      return hasCounted
    } catch (error) {
      delivery.reopen()
      throw error
    } finally {
      this.#settling.end()
    }
  }

  #forget(delivery: CeleryDelivery): void {
    this.#unsettled.delete(delivery)
    this.#parts.member.held.remove(delivery)
    this.#next(delivery)
  }

  async #close(): Promise<void> {
    this.#inflow?.pause()
    this.#waiting.clear()
    this.#again.clear()
    this.#early.clear()
    await this.#settling.none()
    for (const delivery of this.#unsettled) this.#parts.member.held.remove(delivery)
    this.#unsettled.clear()
    await this.#inflow?.close()
    this.#markClosed()
  }

  #receive(arrivals: readonly TaskArrival[]): void {
    const deliveries: CeleryDelivery[] = []
    for (const arrival of arrivals) {
      const delivery = this.#admit(arrival)
      if (delivery !== undefined) deliveries.push(delivery)
    }
    if (deliveries.length > 0) this.#listener.deliver(deliveries)
  }

  /** Undefined for what the worker does not see. */
  #admit(arrival: TaskArrival): CeleryDelivery | undefined {
    const decoded = decodeTask(arrival, { accept: this.#accept })
    if (!decoded.ok) {
      this.#refuse(arrival, decoded.fault)
      return undefined
    }
    const { request } = decoded
    if (arrival.redelivered && this.#hasReturned(request, arrival)) return undefined
    if (this.#isEarly(request, arrival)) return undefined
    const delivery = this.#deliveryOf(request, arrival)
    if (this.#known.has(request.task)) {
      this.#unsettled.add(delivery)
      this.#parts.member.held.add(delivery)
      if (!this.#parts.stamps.matches(request)) return delivery
      this.#working(() => delivery.settle({ type: 'cancelled', message: 'revoked' }))
      return undefined
    }
    this.#runHere(delivery)
    return undefined
  }

  #deliveryOf(request: TaskRequest, arrival: TaskArrival): CeleryDelivery {
    const { policyOf, scale, clock } = this.#parts.member
    const message = deliveredMessage(request, arrival.queue, scale, clock.now())
    return new CeleryDelivery(this, { arrival, request, message, policy: policyOf(request.task) })
  }

  /** A run that goes on here although its connection broke takes its message back instead of running twice. */
  #hasReturned({ id, retries }: TaskRequest, arrival: TaskArrival): boolean {
    const held = this.#parts.member.held.get(id)
    if (!(held instanceof CeleryDelivery) || !this.#unsettled.has(held)) return false
    if (!held.isOrphaned || held.request.retries !== retries) return false
    held.adopt(arrival)
    return true
  }

  /**
   * RabbitMQ may deliver a retry before it confirms it. What is told and stored of the last run would then come after the end of this
   * one, and a monitor, or Redis, would have it as the state of the task.
   */
  #isEarly({ id, retries }: TaskRequest, arrival: TaskArrival): boolean {
    const held = this.#parts.member.held.get(id)
    if (!(held instanceof CeleryDelivery) || !this.#unsettled.has(held)) return false
    if (!held.isSettling || held.request.retries >= retries) return false
    const early = this.#early.get(held)
    if (early === undefined) this.#early.set(held, [arrival])
    else early.push(arrival)
    return true
  }

  /** In the next turn: by then the worker has told of the end. */
  #next(settled: CeleryDelivery): void {
    if (!this.#early.has(settled)) return
    setImmediate(() => {
      const arrivals = this.#early.get(settled)
      if (this.#early.delete(settled)) this.#receive(arrivals ?? [])
    })
  }

  /** Tasks of Celery's own, and those that nobody here knows. */
  #runHere(delivery: CeleryDelivery): void {
    const { builtIn, settler } = this.#parts
    if (!builtIn.has(delivery.request.task)) {
      this.#working(() => settler.notRegistered(delivery))
      return
    }
    this.#waiting.until(delivery.request.etaMs, () => {
      this.#unsettled.add(delivery)
      this.#parts.member.held.add(delivery)
      // From here on it is not to be taken back, as a run of the worker's own is not.
      delivery.began = true
      this.#working(() => builtIn.run(delivery, this.#host))
    })
  }

  /** What is no business of the worker's is tried until it is done, or this closes and the message goes back. */
  #working(work: () => Promise<unknown>, pauseMs = firstPauseMs): void {
    this.#settling.begin()
    const done = work()
      .catch((error: unknown) => {
        const next = Math.min(2 * pauseMs, longestPauseMs)
        if (this.#closing === undefined) {
          this.#again.until(this.#parts.member.clock.now() + pauseMs, () => this.#working(work, next))
        }
        throw error
      })
      .finally(() => this.#settling.end())
    this.#told(done)
  }

  /** What waits here for its time keeps nothing else from coming. */
  #tune(): void {
    this.#inflow?.setPrefetch(this.#prefetch === 0 ? 0 : this.#prefetch + this.#waiting.size)
  }

  #refuse(arrival: TaskArrival, { verdict, message, task, id }: TaskFault): void {
    const what = `${task ?? 'a message'}${id === undefined ? '' : ` (${id})`} in the queue ${arrival.queue}`
    const end =
      verdict === 'ack' ? 'it was dropped' : 'it was rejected, and is a dead letter where the queue has a place for them'
    this.#listener.error(
      new ProtocolError('PROTOCOL_INVALID', `${message}, for ${what}; ${end}`, { subject: id ?? arrival.queue }),
    )
    this.#told(arrival.settle(verdict))
  }

  /** Nothing that has not begun is ours any more; what runs goes on. */
  #lose(): void {
    this.#waiting.clear()
    this.#tune()
    this.#early.clear()
    for (const delivery of [...this.#unsettled]) {
      if (delivery.began) {
        delivery.isOrphaned = true
        continue
      }
      this.#unsettled.delete(delivery)
      this.#parts.member.held.remove(delivery)
      this.#listener.revoke(delivery.message.id, delivery.message.run, 'lost')
    }
  }

  #told(work: Promise<unknown>): void {
    work.catch(this.#tell)
  }
}

function queueNamed({ router }: Member, name: string): TaskQueue {
  return router.queue(router.nameOf(name))
}
