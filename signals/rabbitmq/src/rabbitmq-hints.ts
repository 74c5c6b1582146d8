/**
 * Hints at pending tasks on durable quorum queues: one for each kind of worker, which is a queue of Lovage and the names that a
 * worker knows. Each hint goes to one worker of a kind, and is acknowledged after its claim.
 * @see charts 1 and 2 of `docs/guides/rabbitmq.md`
 */
import type { Clock, Hint, Hints, HintTaker } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { BrokerLink, Connection, Lodger } from './broker-link.ts'
import { HintsAside } from './hints-aside.ts'
import { inTime } from './in-time.ts'
import { everyHintKey, hintKey, type Names } from './names.ts'
import { answerMs, OwnChannel, stuckAfter } from './own-channel.ts'

/** The most workers that one tick of sending wakes at once; those who have no room for all they claim wake others. */
const mostPerTick = 8
/** The oldest are dropped beyond this: a worker that has time claims all it can, whatever brought it to it. */
const mostKept = 256
/** A queue of hints that no worker consumes is forgotten after so long. */
const forgottenAfterMs = 24 * 3_600_000
/** A taker that is on its way out keeps a hint for so long, so that it does not come back to it. */
const giveBackMs = 200

interface Taker {
  readonly queue: string
  /** The queue of hints for its kind. */
  readonly line: string
  /** Undefined: any. */
  readonly names: readonly string[] | undefined
  handler(hint: Hint): Promise<number>
  isPaused: boolean
  isEnded: boolean
  /** Of the consumer on the present connection; undefined while there is none. */
  tag: string | undefined
  /** Since it last took. */
  attempts: number
}

export class RabbitmqHints implements Hints, Lodger {
  readonly #link: BrokerLink
  readonly #names: Names
  readonly #clock: Clock
  readonly #takers = new Set<Taker>()
  /** What was posted in this tick, by routing key. */
  #posted = new Map<string, Hint>()
  /** To post on, and to take on: a queue that is not ready keeps nobody from posting. */
  #broker: Channel | undefined
  readonly #taking = new OwnChannel((channel) => this.#beginAll(channel))
  readonly #aside: HintsAside
  #isFull = false
  #tags = 0

  constructor(link: BrokerLink, names: Names, clock: Clock) {
    this.#link = link
    this.#names = names
    this.#clock = clock
    this.#aside = new HintsAside(clock)
  }

  post(hint: Hint): void {
    if (this.#broker === undefined) return
    if (this.#posted.size === 0) setImmediate(() => this.flush())
    const key = hintKey(hint.queue, hint.name)
    const before = this.#posted.get(key)
    this.#posted.set(key, { ...hint, amount: hint.amount + (before?.amount ?? 0) })
  }

  async take(queue: string, names: readonly string[] | undefined, handler: (hint: Hint) => Promise<number>): Promise<HintTaker> {
    const line = this.#names.hintsFor(queue, names)
    const taker: Taker = { queue, line, names, handler, isPaused: false, isEnded: false, tag: undefined, attempts: 0 }
    this.#takers.add(taker)
    await this.#link.awake(() => this.#adjust(taker))
    return {
      pause: () => {
        taker.isPaused = true
      },
      resume: () => {
        if (!taker.isPaused) return
        taker.isPaused = false
        void this.#adjust(taker)
      },
      end: () => {
        taker.isEnded = true
        this.#takers.delete(taker)
        void this.#adjust(taker)
      },
    }
  }

  async enter(connection: Connection): Promise<void> {
    await this.#beginPosting(connection)
    // Hints wait in their queues until it has begun, which may take a moment on a broker that has just started.
    void this.#taking.open(connection)
  }

  async #beginPosting(connection: Connection): Promise<void> {
    const broker = await connection.channel()
    broker.on('drain', () => {
      this.#isFull = false
    })
    broker.on('close', () => {
      if (this.#broker !== broker) return
      this.#broker = undefined
      // The broker refused something, such as an exchange that somebody deleted, and the bindings to it.
      this.#link.again(async (same) => {
        await this.#beginPosting(same)
        this.#taking.restart()
      })
    })
    await broker.assertExchange(this.#names.hints, 'direct', { durable: true })
    this.#broker = broker
    this.#isFull = false
  }

  leave(): void {
    this.#broker = undefined
    this.#posted.clear()
    this.#aside.clear()
    this.#taking.forget()
  }

  /** Writes what was posted in this tick. */
  flush(): void {
    const hints = [...this.#posted.values()]
    this.#posted.clear()
    // A broker that does not keep up has hints enough.
    if (this.#isFull) return
    for (const hint of hints) {
      const count = Math.min(hint.amount, mostPerTick)
      for (let i = 0; i < count; i++) this.#write(hint, Math.ceil((hint.amount - i) / count))
    }
  }

  async close(): Promise<void> {
    for (const taker of this.#takers) taker.isEnded = true
    this.#takers.clear()
    this.#aside.flush()
    this.flush()
    this.#link.dislodge(this)
    const broker = this.#broker
    this.#broker = undefined
    await Promise.all([broker?.close().catch(() => {}), this.#taking.close()])
  }

  /** Begins or ends as it is wanted when its turn comes, which may be long after somebody asked. */
  #adjust(taker: Taker): Promise<void> {
    return this.#taking.run((channel) =>
      taker.isPaused || taker.isEnded ? this.#stop(channel, taker) : this.#begin(channel, taker),
    )
  }

  async #beginAll(channel: Channel): Promise<void> {
    // Counts for each consumer: one hint at a time.
    await channel.prefetch(1)
    for (const taker of this.#takers) {
      taker.tag = undefined
      await inTime(this.#begin(channel, taker), answerMs)
    }
  }

  async #begin(channel: Channel, taker: Taker): Promise<void> {
    if (taker.isEnded || taker.isPaused || taker.tag !== undefined) return
    const tag = `take-${++this.#tags}`
    taker.tag = tag
    const queue = taker.line
    if (taker.attempts++ >= stuckAfter) {
      taker.attempts = 0
      await channel.deleteQueue(queue)
    }
    await channel.assertQueue(queue, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-max-length': mostKept,
        'x-overflow': 'drop-head',
        'x-expires': forgottenAfterMs,
      },
    })
    const named = taker.names?.map((name) => hintKey(taker.queue, name)) ?? [everyHintKey(taker.queue)]
    const keys = [hintKey(taker.queue), ...named]
    await Promise.all(keys.map((key) => channel.bindQueue(queue, this.#names.hints, key)))
    await channel.consume(queue, (message) => this.#taken(channel, taker, message), { consumerTag: tag })
    taker.attempts = 0
    if (taker.isEnded) await channel.cancel(tag)
  }

  async #stop(channel: Channel, taker: Taker): Promise<void> {
    const { tag } = taker
    taker.tag = undefined
    if (tag !== undefined) await channel.cancel(tag)
  }

  #taken(channel: Channel, taker: Taker, message: ConsumeMessage | null): void {
    if (message === null) {
      // The queue was deleted: it is declared again.
      taker.tag = undefined
      void this.#adjust(taker)
      return
    }
    if (taker.isPaused || taker.isEnded) {
      // In this order, so that it does not come back here.
      void this.#adjust(taker).then(() => this.#settle(channel, () => channel.nack(message, false, true)))
      return
    }
    const hint = readHint(taker.queue, message)
    const key = keyAside(taker, hint)
    taker.handler(hint).then(
      (left) => {
        this.#aside.used(key)
        // Posted first: should this process end here, it is one hint too many and not one too few.
        if (left > 0) this.#write(hint, left)
        this.#settle(channel, () => channel.ack(message))
      },
      () => this.#refused(channel, taker, message, hint),
    )
  }

  /** A taker that is on its way out leaves it to the others of its kind when it is gone; one that stays goes on with other hints. */
  #refused(channel: Channel, taker: Taker, message: ConsumeMessage, hint: Hint): void {
    if (taker.isPaused || taker.isEnded) {
      const giveBack = (): void => this.#settle(channel, () => channel.nack(message, false, true))
      this.#clock.at(this.#clock.now() + giveBackMs, giveBack)
      return
    }
    // Straight to the end of its own queue: other kinds of workers have had this hint.
    this.#aside.put(keyAside(taker, hint), hint.amount, (amount) => this.#write(hint, amount, taker.line))
    this.#settle(channel, () => channel.ack(message))
  }

  /** On a connection that is gone the broker has given it to another already. */
  #settle(channel: Channel, settle: () => void): void {
    if (!this.#taking.isCurrent(channel)) return
    try {
      settle()
    } catch {
      // The channel is closing, which gives back what is in hand.
    }
  }

  /** @param line the one queue of hints it is for; default all that are bound to what it says */
  #write({ queue, name }: Hint, amount: number, line?: string): void {
    const broker = this.#broker
    if (broker === undefined) return
    try {
      const task = name === undefined ? {} : { task: name }
      const others = name === undefined || line !== undefined ? {} : { CC: everyHintKey(queue) }
      const options = { persistent: true, headers: { amount, ...task }, ...others }
      const [exchange, key] = line === undefined ? [this.#names.hints, hintKey(queue, name)] : ['', line]
      this.#isFull = !broker.publish(exchange, key, Buffer.alloc(0), options)
    } catch {
      // The channel is closing; whoever is idle looks by itself when it is back.
    }
  }
}

function keyAside({ line }: Taker, { queue, name }: Hint): string {
  return `${line} ${hintKey(queue, name)}`
}

function readHint(queue: string, message: ConsumeMessage): Hint {
  const { amount, task } = (message.properties.headers ?? {}) as { readonly amount?: unknown; readonly task?: unknown }
  const name = typeof task === 'string' ? task : undefined
  return { queue, name, amount: Number.isSafeInteger(amount) && (amount as number) > 0 ? (amount as number) : 1 }
}
