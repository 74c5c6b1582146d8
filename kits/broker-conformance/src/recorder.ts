/** A worker's side of a consumer that only keeps the books: what was delivered, what was taken back, what waits. */
import {
  type Broker,
  BugError,
  type ConsumeOptions,
  type Consumer,
  type ConsumerListener,
  type Delivery,
  type Outcome,
  type RevokeReason,
  type TaskMessage,
} from '@lovage/core'
import { within } from './deadline.ts'

/** The name of every task that is not about names, and the queue of every case that is not about queues. */
export const job = 'conformance.job'
export const queue = 'conformance'

/** A message with everything that must be there. */
export function message(id: string, fields: Partial<TaskMessage> = {}): TaskMessage {
  return { id, name: job, queue, priority: 4, ...fields }
}

export interface Revocation {
  readonly id: string
  readonly run: number
  readonly reason: RevokeReason
}

export class Recorder implements ConsumerListener {
  readonly deliveries: Delivery[] = []
  readonly revocations: Revocation[] = []
  /** Called for each delivery. */
  onDelivery: (delivery: Delivery) => void = () => {}
  /** The most deliveries that were unsettled at once. */
  most = 0
  readonly #unsettled = new Set<Delivery>()
  readonly #waiting = new Set<() => void>()
  #consumer: Consumer | undefined

  /** Consumes with this recorder. Defaults: the one queue, the one name, prefetch 10. */
  static async open(broker: Broker, options: Partial<ConsumeOptions> = {}): Promise<Recorder> {
    const recorder = new Recorder()
    const defaults: ConsumeOptions = { queues: [queue], prefetch: 10, worker: 'recorder@conformance', tasks: [{ name: job }] }
    recorder.#consumer = await broker.tasks.consume({ ...defaults, ...options }, recorder)
    return recorder
  }

  get consumer(): Consumer {
    if (this.#consumer === undefined) throw new BugError('BUG', 'expected the recorder to have been opened')
    return this.#consumer
  }

  /** The ids delivered so far, in order. */
  get ids(): readonly string[] {
    return this.deliveries.map((delivery) => delivery.message.id)
  }

  deliver(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.deliveries.push(delivery)
      this.#unsettled.add(delivery)
    }
    this.most = Math.max(this.most, this.#unsettled.size)
    for (const delivery of deliveries) this.onDelivery(delivery)
    this.#stir()
  }

  revoke(id: string, run: number, reason: RevokeReason): void {
    this.revocations.push({ id, run, reason })
    for (const delivery of this.#unsettled) if (delivery.message.id === id) this.#unsettled.delete(delivery)
    this.#stir()
  }

  /** What is recovered is no matter of these cases; what is not shows in what does not arrive. */
  error(): void {}

  /** Resolves when so many deliveries have come in all, with the last of them. */
  async delivered(count: number): Promise<Delivery> {
    await this.#until(() => this.deliveries.length >= count, `${count} deliveries (so far: ${this.ids.join(', ') || 'none'})`)
    return this.deliveries[count - 1] as Delivery
  }

  /** Resolves with the next revocation of this task. */
  async revoked(id: string): Promise<Revocation> {
    const find = () => this.revocations.find((revocation) => revocation.id === id)
    await this.#until(() => find() !== undefined, `the revocation of ${id}`)
    return find() as Revocation
  }

  settle(delivery: Delivery, outcome: Outcome): Promise<boolean> {
    this.#unsettled.delete(delivery)
    return within(delivery.settle(outcome), `the settlement of ${delivery.message.id}`)
  }

  async #until(happened: () => boolean, what: string): Promise<void> {
    let check = () => {}
    const done = new Promise<void>((resolve) => {
      check = () => {
        if (happened()) resolve()
      }
    })
    this.#waiting.add(check)
    check()
    try {
      await within(done, what)
    } finally {
      this.#waiting.delete(check)
    }
  }

  #stir(): void {
    for (const check of this.#waiting) check()
  }
}
