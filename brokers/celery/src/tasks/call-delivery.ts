/** One call of a task's handler on behalf of another task (`celery.map`, `celery.starmap`): a delivery that no message stands behind. */
import { BugError, type DeliveredMessage, type Delivery, type Outcome } from '@lovage/core'

export class CallDelivery implements Delivery {
  readonly message: DeliveredMessage
  readonly redelivered: boolean
  readonly #onEnd: (outcome: Outcome) => void
  #settled = false

  constructor(message: DeliveredMessage, redelivered: boolean, onEnd: (outcome: Outcome) => void) {
    this.message = message
    this.redelivered = redelivered
    this.#onEnd = onEnd
  }

  accept(): undefined {}

  note(): void {}

  async settle(outcome: Outcome): Promise<boolean> {
    if (this.#settled) throw new BugError('SETTLED_TWICE', `expected a call of ${this.message.name} to be settled once`)
    this.#settled = true
    this.#onEnd(outcome)
    return true
  }
}
