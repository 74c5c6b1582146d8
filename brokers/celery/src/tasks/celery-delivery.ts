/** A task message of Celery's on its way through a worker. */
import { BugError, type DeliveredMessage, type Delivery, type DeliveryNote, type Outcome } from '@lovage/core'
import type { TaskPolicy } from '../settings/task-policy.ts'
import type { TaskArrival } from '../transport.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { DoneSteps } from './done-steps.ts'
import type { HeldTask } from './held-tasks.ts'

/** What a delivery needs of its consumer. */
export interface DeliveryHome {
  /** Its run begins. */
  begun(delivery: CeleryDelivery): void
  /**
   * Resolves when the outcome is safe. Settlements are counted here, so that closing waits for them. After one that fails the delivery
   * is to be told that it is open again.
   */
  settle(delivery: CeleryDelivery, outcome: Outcome): Promise<boolean>
  progress(delivery: CeleryDelivery, value: unknown): void
  /** Gives back one that cannot be settled. */
  abandon(delivery: CeleryDelivery): void
  /** Nobody waits for it. */
  acknowledge(arrival: TaskArrival): void
}

/** What is made of one arrival. */
export interface DeliveryParts {
  readonly arrival: TaskArrival
  readonly request: TaskRequest
  readonly message: DeliveredMessage
  readonly policy: TaskPolicy
}

export class CeleryDelivery implements Delivery, HeldTask {
  readonly message: DeliveredMessage
  readonly redelivered: boolean
  readonly request: TaskRequest
  readonly policy: TaskPolicy
  /** The results of the tasks that its handler and its success sent. */
  readonly children: ResultTuple[] = []
  arrival: TaskArrival
  acknowledged = false
  began = false
  /** The connection broke that it came by: its message is delivered again, to whomever. */
  isOrphaned = false
  /** What of its settlement is done already, where a later part failed and it is settled again. */
  done: 'nothing' | 'followed' | 'stored' = 'nothing'
  /** The parts of it that are smaller than that: what was called and sent. */
  readonly steps = new DoneSteps()
  /** Its state could not be stored and never can be: it ends as what has failed. */
  isUnstored = false
  /** How often its settlement has failed. */
  attempts = 0
  /** It cannot be settled as it ought to be; that is told. */
  isLetGo = false
  readonly #home: DeliveryHome
  #settled = false

  constructor(home: DeliveryHome, { arrival, request, message, policy }: DeliveryParts) {
    this.#home = home
    this.arrival = arrival
    this.request = request
    this.message = message
    this.policy = policy
    this.redelivered = arrival.redelivered
  }

  get exchange(): string {
    return this.arrival.exchange
  }

  get routingKey(): string {
    return this.arrival.routingKey
  }

  /** It has an outcome, which is on its way or safe. */
  get isSettling(): boolean {
    return this.#settled
  }

  /** Nothing is to be waited for: an acknowledgement that gets lost with its connection brings the task again, as in Celery. */
  accept(): undefined {
    this.began = true
    if (!this.policy.acksLate) {
      this.acknowledged = true
      this.#home.acknowledge(this.arrival)
    }
    this.#home.begun(this)
  }

  /** Takes the message back that it lost. */
  adopt(arrival: TaskArrival): void {
    this.arrival = arrival
    this.isOrphaned = false
    if (this.acknowledged) this.#home.acknowledge(arrival)
  }

  /** Progress becomes the custom state PROGRESS. Log lines have no place in Celery; events carry them. */
  note({ progress }: DeliveryNote): void {
    if (progress !== undefined && !this.#settled) this.#home.progress(this, progress)
  }

  abandon(): void {
    if (this.#settled) return
    this.#settled = true
    this.#home.abandon(this)
  }

  settle(outcome: Outcome): Promise<boolean> {
    if (this.#settled) {
      const message = `expected task ${this.message.id} to be settled once, got a second outcome: ${outcome.type}`
      return Promise.reject(new BugError('SETTLED_TWICE', message, { subject: this.message.id }))
    }
    this.#settled = true
    return this.#home.settle(this, outcome)
  }

  /** Its settlement has failed, and may be tried again. */
  reopen(): void {
    this.#settled = false
  }
}
