/** What is settled on one channel: told to the broker once a tick, with as few frames as the order allows. */
import type { Channel, Message } from 'amqplib'
import { Settlements } from './settlements.ts'

interface Telling {
  readonly promise: Promise<boolean>
  resolve(isTold: boolean): void
}

export class SettlingChannel {
  readonly #channel: Channel
  readonly #settlements = new Settlements()
  /** Shared by all that is settled in a tick. */
  #told: Telling | undefined
  #isEnded = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Resolves with true when it is written, with false when the channel ended before that. */
  settle(tag: number, verdict: 'ack' | 'reject' | 'requeue'): Promise<boolean> {
    if (this.#isEnded) return Promise.resolve(false)
    this.#settlements.settle(tag, verdict)
    this.#told ??= this.#toldSoon()
    return this.#told.promise
  }

  #toldSoon(): Telling {
    setImmediate(() => this.flush())
    let resolve: Telling['resolve'] = () => {}
    const promise = new Promise<boolean>((done) => {
      resolve = done
    })
    return { promise, resolve }
  }

  flush(): void {
    const told = this.#told
    if (told === undefined || this.#isEnded) return
    this.#told = undefined
    told.resolve(this.#write())
  }

  /** Nothing can be settled any more. */
  end(): void {
    this.#isEnded = true
    this.#told?.resolve(false)
    this.#told = undefined
  }

  #write(): boolean {
    try {
      for (const frame of this.#settlements.frames()) {
        const message = messageWith(frame.tag)
        if (frame.kind === 'ack') this.#channel.ack(message, frame.multiple)
        else this.#channel.reject(message, frame.requeue)
      }
      return true
    } catch {
      // The channel is closing; the broker delivers again what it was not told.
      return false
    }
  }
}

/** The library takes a message for its tag. */
function messageWith(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as Message
}
