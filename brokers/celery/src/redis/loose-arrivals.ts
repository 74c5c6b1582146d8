/** Messages that are in no key of Redis: broadcasts, and what is no message of kombu's. There is nothing to settle. */
import { BugError } from '@lovage/core'
import type { Arrival, TaskArrival } from '../transport.ts'

export class LooseArrivals {
  readonly #waiting: { readonly arrival: Arrival; readonly queue: string }[] = []
  readonly #onSettled: () => void
  #unsettled = 0

  constructor(onSettled: () => void) {
    this.#onSettled = onSettled
  }

  /** Delivered and not settled. */
  get unsettled(): number {
    return this.#unsettled
  }

  add(arrival: Arrival, queue: string): void {
    this.#waiting.push({ arrival, queue })
  }

  /** The next ones to be delivered, as many as there is room for. */
  take(room: number): readonly TaskArrival[] {
    const some = this.#waiting.splice(0, Math.max(0, room))
    this.#unsettled += some.length
    return some.map(({ arrival, queue }) => ({ ...arrival, queue, settle: this.#settling(queue) }))
  }

  /** A requeue has nowhere to go: whoever broadcasts keeps nothing. */
  #settling(queue: string): () => Promise<boolean> {
    let isSettled = false
    return async () => {
      if (isSettled) throw settledTwice(queue)
      isSettled = true
      this.#unsettled--
      this.#onSettled()
      return true
    }
  }
}

/** @param subject the message, or its queue */
export function settledTwice(subject: string): BugError {
  return new BugError('SETTLED_TWICE', 'expected a message to be settled once, got: twice', { subject })
}
