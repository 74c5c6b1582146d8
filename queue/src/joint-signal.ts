/**
 * A signal over a broker beside the store's own: the broker carries what it can, the store whatever concerns those who have no
 * broker at the time. Each message takes one way to each listener.
 *
 *     from            to a process with the broker   without it just now         that never has one
 *     with            broker                         store, `aside` channel      -
 *     without         store                          store                       store
 *
 * So everybody listens on the store's channel, and whoever has lost the broker on the one beside it as well. What a command waits
 * for is said on the store's channel always, so that commands which were not told of the broker work: such words may come twice.
 */
import type { Hint, Hints, HintTaker, Link, LinkedSignal, Signal, TaskNews } from '@lovage/core'
import {
  abortChannel,
  controlChannel,
  eventChannel,
  eventFamilies,
  readyChannel,
  replyChannel,
  resolvedChannel,
} from './channels.ts'

/** Hints that come without a number. */
const many = 1000

/** The channel on the store for those who have lost the broker. */
const asideOf = (channel: string): string => `aside.${channel}`
const eventChannels: ReadonlySet<string> = new Set(eventFamilies.map(eventChannel))

/** Of these a second copy does no harm. */
function mayComeTwice(channel: string): boolean {
  if (channel === controlChannel || channel === resolvedChannel) return true
  return channel.startsWith(replyChannel('')) || channel.startsWith(abortChannel(''))
}

interface Subscription {
  readonly channel: string
  listener(message: string): void
  isLive: boolean
  endAside: (() => void) | undefined
}

/** Joins the signals: `broker` may be lost, `own` lives and dies with the store. */
export function jointSignal(broker: LinkedSignal, own: Signal): LinkedSignal {
  return new JointSignal(broker, own)
}

/** Someone in this process who takes hints. */
interface LocalTaker {
  readonly queue: string
  /** Undefined: any. */
  readonly names: readonly string[] | undefined
  isPaused: boolean
  readonly handler: (hint: Hint) => Promise<number>
}

class JointSignal implements LinkedSignal {
  /** The broker's. */
  readonly link: Link
  readonly hints: Hints | undefined
  readonly news: TaskNews | undefined
  readonly publishWithin: Signal['publishWithin']
  readonly #broker: LinkedSignal
  readonly #own: Signal
  readonly #subscriptions = new Set<Subscription>()
  readonly #backListeners = new Set<() => void>()
  readonly #takers = new Set<LocalTaker>()
  readonly #ends: readonly (() => void)[]

  constructor(broker: LinkedSignal, own: Signal) {
    this.#broker = broker
    this.#own = own
    this.link = broker.link
    this.news = broker.news
    // The store says it when the transaction is committed, on the channel that everybody listens to.
    this.publishWithin = own.publishWithin === undefined ? undefined : (...args) => publishIn(own, ...args)
    const { hints } = broker
    if (hints !== undefined) {
      this.hints = {
        post: (hint) => this.#post(hints, hint),
        take: (queue, names, handler) => this.#take(hints, queue, names, handler),
      }
    }
    const endBack = own.onBack?.(() => this.#back())
    const endLink = broker.link.onChange((isUp) => void this.#turn(isUp))
    this.#ends = endBack === undefined ? [endLink] : [endLink, endBack]
  }

  publish(channel: string, message: string): void {
    if (!this.#broker.link.isUp) {
      this.#own.publish(channel, message)
      return
    }
    this.#broker.publish(channel, message)
    if (!mayComeTwice(channel)) this.#publishAside(channel, message)
    else if (this.#own.heard(channel)) this.#own.publish(channel, message)
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<() => void> {
    const endBroker = await this.#broker.subscribe(channel, listener)
    try {
      const endOwn = await this.#subscribeOwn(channel, listener)
      return () => {
        endBroker()
        endOwn()
      }
    } catch (error) {
      endBroker()
      throw error
    }
  }

  /** The broker learns a moment late of new listeners: events may wait for that, and nothing else. */
  heard(channel: string): boolean {
    if (!this.#broker.link.isUp) return this.#own.heard(channel)
    if (!eventChannels.has(channel)) return true
    return this.#broker.heard(channel) || this.#own.heard(asideOf(channel))
  }

  onBack(listener: () => void): () => void {
    const told = (): void => listener()
    this.#backListeners.add(told)
    return () => void this.#backListeners.delete(told)
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end()
    this.#backListeners.clear()
    this.#subscriptions.clear()
    await Promise.all([this.#broker.close(), this.#own.close()])
  }

  #publishAside(channel: string, message: string): void {
    const aside = asideOf(channel)
    if (this.#own.heard(aside)) this.#own.publish(aside, message)
  }

  /** Listens on the store's channel, and on the one beside it while the broker is away. */
  async #subscribeOwn(channel: string, listener: (message: string) => void): Promise<() => void> {
    const subscription: Subscription = { channel, listener, isLive: true, endAside: undefined }
    const end = await this.#own.subscribe(channel, listener)
    this.#subscriptions.add(subscription)
    await this.#stepAside(subscription)
    return () => {
      subscription.isLive = false
      this.#subscriptions.delete(subscription)
      subscription.endAside?.()
      end()
    }
  }

  async #stepAside(subscription: Subscription): Promise<void> {
    if (this.#broker.link.isUp || subscription.endAside !== undefined) return
    const hear = (message: string): void => {
      // What is said while the broker comes back arrives there.
      if (subscription.isLive && !this.#broker.link.isUp) subscription.listener(message)
    }
    const end = await this.#own.subscribe(asideOf(subscription.channel), hear)
    if (subscription.isLive && !this.#broker.link.isUp && subscription.endAside === undefined) subscription.endAside = end
    else end()
  }

  async #turn(isUp: boolean): Promise<void> {
    const all = [...this.#subscriptions]
    if (isUp) {
      for (const subscription of all) {
        subscription.endAside?.()
        subscription.endAside = undefined
      }
    } else {
      // A store that does not answer either is heard of by whoever asks it, and says when it is back.
      await Promise.allSettled(all.map((subscription) => this.#stepAside(subscription)))
    }
    // Between the two ways something may have been lost.
    this.#back()
  }

  #back(): void {
    for (const listener of this.#backListeners) listener()
  }

  /**
   * Whoever has no broker just now hears of the queue on its channel, as those do who take no hints. An idle worker of this process
   * begins while the broker still writes the hint down; the one whom that wakes finds nothing, or what this one did not live to claim.
   */
  #post(hints: Hints, hint: Hint): void {
    if (!this.#broker.link.isUp) return
    hints.post(hint)
    for (const { queue, names, isPaused, handler } of this.#takers) {
      if (isPaused || queue !== hint.queue || (hint.name !== undefined && names?.includes(hint.name) === false)) continue
      handler(hint).catch(() => {})
      return
    }
  }

  /** What the store says of a queue wakes as a hint does; when tasks become due, maintenance says so. */
  async #take(
    hints: Hints,
    queue: string,
    names: readonly string[] | undefined,
    handler: (hint: Hint) => Promise<number>,
  ): Promise<HintTaker> {
    const endOwn = await this.#subscribeOwn(readyChannel(queue), (message) => {
      if (message === '') handler({ queue, amount: many }).catch(() => {})
    })
    try {
      const taker = await hints.take(queue, names, handler)
      const local: LocalTaker = { queue, names, isPaused: false, handler }
      this.#takers.add(local)
      return {
        pause: () => {
          local.isPaused = true
          taker.pause()
        },
        resume: () => {
          local.isPaused = false
          taker.resume()
        },
        end: () => {
          this.#takers.delete(local)
          endOwn()
          taker.end()
        },
      }
    } catch (error) {
      endOwn()
      throw error
    }
  }
}

function publishIn(own: Signal, ...[transaction, messages]: Parameters<NonNullable<Signal['publishWithin']>>): Promise<void> {
  return own.publishWithin?.(transaction, messages) ?? Promise.resolve()
}
