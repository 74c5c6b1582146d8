/** The pool of a forwarder: runs nothing, but sends each task to another broker, and ends its run when that broker has it. */
import {
  type Broker,
  type CancelTimer,
  type Clock,
  type DeliveredMessage,
  failureFrom,
  type Logger,
  LovageError,
  type SendReceipt,
} from '@lovage/core'
import type { Job, JobEnd, Pool, Running } from '../pool.ts'
import { forwardedMessage } from './forwarded-message.ts'
import { Outage } from './outage.ts'

/** A send that takes longer (milliseconds) tells that the other broker is away: some wait for it and say nothing. */
const longMs = 5000
/** How long a worker that ends waits for what is being sent, in milliseconds: nobody can tell whether it will be taken. */
const lastWordsMs = 2000

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
  readonly #outages = new Map<string, Outage>()
  readonly #underWay = new Set<Handing>()
  #isEnding = false
  #cancelLastWords: CancelTimer = () => {}

  constructor(options: ForwardPoolOptions) {
    this.#options = options
  }

  async start(): Promise<void> {}

  run({ message }: Job): Running {
    const handing = new Handing(message, this.#options.clock.now(), (over) => this.#underWay.delete(over))
    this.#underWay.add(handing)
    void this.#bring(handing)
    return handing
  }

  resize(): void {}

  /** `away`: since when the other broker, or one of its queues, takes nothing, in epoch milliseconds; null while it does. */
  describe(): Readonly<Record<string, unknown>> {
    const { place, toQueue } = this.#options
    return { processes: [process.pid], to: place, 'to-queue': toQueue ?? null, away: this.#away() }
  }

  #away(): number | null {
    const [oldest] = this.#underWay
    const told = [...this.#outages.values()].flatMap(({ since }) => since ?? [])
    if (oldest !== undefined && oldest.since <= this.#options.clock.now() - longMs) told.push(oldest.since)
    return told.length === 0 ? null : Math.min(...told)
  }

  /** The worker ends: what waits for the other broker is for others, what is being sent has a moment. */
  end(): void {
    const { clock } = this.#options
    this.#isEnding = true
    for (const outage of this.#outages.values()) outage.wake()
    if (this.#underWay.size > 0) this.#cancelLastWords = clock.at(clock.now() + lastWordsMs, () => this.#keepAll())
  }

  async close(): Promise<void> {
    this.#cancelLastWords()
    this.#keepAll()
  }

  #keepAll(): void {
    this.#isEnding = true
    for (const handing of this.#underWay) handing.finish({ type: 'kept' })
  }

  /** Tries until it is taken or refused, or nobody waits for it any more. */
  async #bring(handing: Handing): Promise<void> {
    const { message } = handing
    const outage = this.#outageOf(message)
    let waited: number | undefined
    while (!handing.isOver) {
      // What is late is ended by its queue, and sent to nobody.
      if (message.deadline !== undefined && message.deadline <= this.#options.clock.now()) return
      try {
        return handing.finish(await this.#send(message, outage))
      } catch (error) {
        if (isRefusal(error)) return handing.finish({ type: 'refused', failure: failureFrom(error) })
        if (this.#isEnding) return handing.finish({ type: 'kept' })
        // Others were taken meanwhile: it is not to keep their place.
        if (waited !== undefined && waited < outage.count) return handing.finish({ type: 'kept', failure: failureFrom(error) })
        waited = outage.count
        await outage.wait(error)
        if (this.#isEnding) return handing.finish({ type: 'kept' })
      }
    }
  }

  async #send(message: DeliveredMessage, outage: Outage): Promise<JobEnd> {
    const { to, toQueue } = this.#options
    const [receipt] = await to.tasks.send([forwardedMessage(message, toQueue)])
    outage.over()
    return { type: 'returned', value: this.#whereItWent(message, receipt) }
  }

  #outageOf(message: DeliveredMessage): Outage {
    const { toQueue: queue = message.queue, clock, logger, place } = this.#options
    const outage = this.#outages.get(queue) ?? new Outage(clock, logger, place, queue)
    this.#outages.set(queue, outage)
    return outage
  }

  /** With the id of the task that stands for it there, where that is another one. */
  #whereItWent({ id }: DeliveredMessage, receipt: SendReceipt | undefined): object {
    const forwarded = this.#options.place
    return receipt === undefined || receipt.id === id ? { forwarded } : { forwarded, id: receipt.id }
  }
}

/** One task on its way. */
class Handing implements Running {
  readonly message: DeliveredMessage
  /** Epoch milliseconds. */
  readonly since: number
  readonly end: Promise<JobEnd>
  readonly #ended: (handing: Handing) => void
  #resolve: (end: JobEnd) => void = () => {}
  #isOver = false

  constructor(message: DeliveredMessage, since: number, ended: (handing: Handing) => void) {
    this.message = message
    this.since = since
    this.#ended = ended
    this.end = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  finish(end: JobEnd): void {
    this.#isOver = true
    this.#resolve(end)
    this.#ended(this)
  }

  abort(): void {
    this.finish({ type: 'kept' })
  }

  kill(): boolean {
    this.abort()
    return true
  }
}

/** Those that are about the task. Everything else is about the place, and passes; so may what nobody foresaw. */
const verdicts: ReadonlySet<string> = new Set(['ConfigError', 'TaskError'])

/** A queue that is there with other flags is refused by a ConfigError, but all of its tasks can go when that is mended. */
function isRefusal(error: unknown): boolean {
  return LovageError.is(error) && !error.retryable && verdicts.has(error.name) && error.code !== 'QUEUE_MISMATCH'
}
