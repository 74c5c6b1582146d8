/** The pool of a forwarder: runs nothing, but sends each task to another broker, and ends its run when that broker has it. */
import {
  type Broker,
  type CancelTimer,
  type Clock,
  type Consumer,
  type DeliveredMessage,
  failureFrom,
  type Logger,
  LovageError,
  type SendReceipt,
} from '@lovage/core'
import type { Job, JobEnd, Pool, Running } from '../pool.ts'
import { forwardedMessage } from './forwarded-message.ts'
import { Handing } from './handing.ts'
import { Way } from './way.ts'

/** How long a worker that ends waits for what is being sent, in milliseconds: nobody can tell whether it will be taken. */
const lastWordsMs = 2000
/** The most tasks that try a queue which takes nothing; fewer where few are sent at once, so that others have places. */
const mostProbes = 3

export interface ForwardPoolOptions {
  readonly to: Broker
  /** The queue there, for all tasks. Default: each task's own. */
  readonly toQueue: string | undefined
  /** What `to` is called. */
  readonly place: string
  readonly clock: Clock
  readonly logger: Logger
}

export class ForwardPool implements Pool {
  readonly name = 'forward'
  readonly handsOn = true
  readonly #options: ForwardPoolOptions
  /** By the queue there: one that is full, or refused, is no word on the others. */
  readonly #ways = new Map<string, Way>()
  /** With what ends the wait for their deadlines. */
  readonly #underWay = new Map<Handing, CancelTimer>()
  #consumer: Pick<Consumer, 'rest'> | undefined
  #places = 1
  #isEnding = false
  #cancelLastWords: CancelTimer = () => {}

  constructor(options: ForwardPoolOptions) {
    this.#options = options
  }

  async start(): Promise<void> {}

  drawFrom(consumer: Pick<Consumer, 'rest'>): void {
    this.#consumer = consumer
    // The first may have come before it.
    this.#rest()
  }

  run({ message }: Job): Running {
    const { clock } = this.#options
    const way = this.#wayOf(message)
    const handing = new Handing(message, clock.now(), (over) => {
      this.#underWay.get(over)?.()
      this.#underWay.delete(over)
      way.leave(over)
    })
    if (way.enter(handing)) {
      const { deadline } = message
      this.#underWay.set(handing, deadline === undefined ? () => {} : clock.at(deadline, () => handing.withdraw()))
      void this.#bring(handing, way)
    } else handing.finish({ type: 'kept' })
    return handing
  }

  resize(size: number): void {
    this.#places = size
  }

  /** `away`: since when the other broker, or one of its queues, takes nothing, in epoch milliseconds; null while it does. */
  describe(): Readonly<Record<string, unknown>> {
    const { place, toQueue } = this.#options
    const told = [...this.#ways.values()].flatMap(({ outage }) => outage.since ?? [])
    const away = told.length === 0 ? null : Math.min(...told)
    return { processes: [process.pid], to: place, 'to-queue': toQueue ?? null, away }
  }

  /** The worker ends: what waits for the other broker is for others, what is being sent has a moment. */
  end(): void {
    const { clock } = this.#options
    this.#isEnding = true
    for (const { outage } of this.#ways.values()) outage.wake()
    if (this.#underWay.size > 0) this.#cancelLastWords = clock.at(clock.now() + lastWordsMs, () => this.#keepAll())
  }

  async close(): Promise<void> {
    this.#cancelLastWords()
    this.#keepAll()
    for (const way of this.#ways.values()) way.close()
  }

  #keepAll(): void {
    this.#isEnding = true
    for (const handing of this.#underWay.keys()) handing.abort()
  }

  /** Tries until it is taken or refused, or nobody waits for it any more. */
  async #bring(handing: Handing, way: Way): Promise<void> {
    let waited: number | undefined
    while (!handing.isOver) {
      // What is late is ended by its queue, and sent to nobody.
      if (this.#isLate(handing)) return
      try {
        return handing.finish(await this.#send(handing, way))
      } catch (error) {
        if (handing.isOver || this.#isLate(handing)) return
        if (this.#isEnding || handing.isWithdrawn) return handing.finish({ type: 'kept' })
        if (isAboutDeadline(error)) return handing.finish({ type: 'kept', failure: failureFrom(error) })
        if (isRefusal(error)) return handing.finish({ type: 'refused', failure: failureFrom(error) })
        // Others were taken meanwhile: it is not to keep their place.
        const isAlone = waited !== undefined && waited < way.outage.count
        waited = way.outage.count
        const end = isAlone ? ({ type: 'kept', failure: failureFrom(error) } as const) : await way.refused(handing, error)
        if (end !== undefined) return handing.finish(end)
        if (this.#isEnding) return handing.finish({ type: 'kept' })
      }
    }
  }

  #isLate({ message: { deadline } }: Handing): boolean {
    return deadline !== undefined && deadline <= this.#options.clock.now()
  }

  async #send(handing: Handing, way: Way): Promise<JobEnd> {
    const { to, toQueue } = this.#options
    const { message } = handing
    const [receipt] = await handing.sending((signal) => to.tasks.send([forwardedMessage(message, toQueue)], { signal }))
    way.took(handing)
    return { type: 'returned', value: this.#whereItWent(message, receipt) }
  }

  #wayOf(message: DeliveredMessage): Way {
    const { toQueue: queue = message.queue, clock, logger, place } = this.#options
    const known = this.#ways.get(queue)
    if (known !== undefined) return known
    const way = new Way({
      clock,
      logger,
      place,
      queue,
      probes: () => this.#probes(),
      isCrowded: () => this.#isCrowded(),
      canRest: () => this.#canRest,
      onRest: () => this.#rest(),
    })
    this.#ways.set(queue, way)
    return way
  }

  /** Where queues cannot rest, what went back would come again at once. */
  get #canRest(): boolean {
    return this.#consumer === undefined || this.#consumer.rest !== undefined
  }

  #probes(): number {
    return this.#canRest ? Math.max(1, Math.min(mostProbes, Math.floor(this.#places / 8))) : Number.POSITIVE_INFINITY
  }

  /** Half of the places are for queues that take something, however many others there are. */
  #isCrowded(): boolean {
    const waiting = [...this.#underWay.keys()].filter((handing) => handing.isWaiting).length
    return waiting >= Math.floor(this.#places / 2)
  }

  #rest(): void {
    this.#consumer?.rest?.([...this.#ways.values()].flatMap((way) => way.resting))
  }

  /** `existing`: nothing was sent, since it was there; `id` of the task that stands for it, where that is another one. */
  #whereItWent({ id }: DeliveredMessage, receipt: SendReceipt | undefined): object {
    const forwarded = this.#options.place
    if (receipt === undefined) return { forwarded }
    const other = receipt.id === id ? {} : { id: receipt.id }
    return { forwarded, ...other, ...(receipt.status === 'existing' ? { existing: true } : {}) }
  }
}

/** Those that are about the task. Everything else is about the place, and passes; so may what nobody foresaw. */
const verdicts: ReadonlySet<string> = new Set(['ConfigError', 'TaskError'])

/** A queue that is there with other flags is refused by a ConfigError, but all of its tasks can go when that is mended. */
function isRefusal(error: unknown): boolean {
  return LovageError.is(error) && !error.retryable && verdicts.has(error.name) && error.code !== 'QUEUE_MISMATCH'
}

/** The clock there is ahead of the one here, by which the task is ended when it is late. */
function isAboutDeadline(error: unknown): boolean {
  return LovageError.is(error, 'OPTION_INVALID') && error.subject === 'deadline'
}
