/** Tells errbacks of a failure: those of the new style are called here, the others sent, each alone (celery.md 12.2). */
import { type ConsumeOptions, type DeliveredMessage, type Delivery, type Outcome, TaskError } from '@lovage/core'
import { applyErrbacks, type Errbacks as Found, type IsNewStyle } from '../canvas/errbacks.ts'
import { merged } from '../canvas/merge.ts'
import type { CanvasSender, Order } from '../canvas/orders.ts'
import type { Signature } from '../canvas/signature.ts'
import type { PythonException } from '../wire/python-exception.ts'
import { CallDelivery } from './call-delivery.ts'
import type { DoneSteps } from './done-steps.ts'
import { isFinal } from './final-error.ts'
import type { TaskSender } from './task-sender.ts'

export interface ErrbacksParts {
  readonly sender: Pick<TaskSender, 'carryOut'>
  /** Those of the worker. */
  readonly tasks: ConsumeOptions['tasks']
  readonly deliver: (delivery: Delivery) => void
  readonly newId: () => string
  readonly now: () => number
  /** Hears of those that cannot be sent, and of those that fail here. */
  readonly report: (error: Error) => void
}

/** A task that has failed, as an errback sees it. */
export interface FailedTask {
  /** By Celery's names. */
  readonly request: Readonly<Record<string, unknown>> & { readonly id: string }
  readonly exception: PythonException
  readonly traceback?: string | undefined
}

const medium = 4

export class Errbacks {
  readonly #parts: ErrbacksParts
  readonly #names: ReadonlySet<string>

  constructor(parts: ErrbacksParts) {
    this.#parts = parts
    this.#names = new Set(parts.tasks.filter(({ params = [] }) => params.length >= 3).map(({ name }) => name))
  }

  /** A task of this worker that takes the request, the exception and the traceback: whose `params` are three. */
  readonly isNewStyle: IsNewStyle = (name) => this.#names.has(name)

  /**
   * One that can never be sent, or that fails, keeps neither the others nor the end of the task.
   * @param steps so that after one that can only not be sent now, the others are not told again
   */
  async tell(found: Found, failed: FailedTask, sender: CanvasSender, steps: DoneSteps): Promise<void> {
    const { id, root_id: root } = failed.request
    const what = `errbacks of ${id}`
    // What is tried again has the ids that were sent before.
    const { local, orders } = await steps.once(what, () => found)
    await this.#send(orders, `${what}: sent`, steps)
    const left: Signature[] = []
    for (const [index, errback] of local.entries()) {
      const isDone = await steps.once(`${what}: called ${index}`, () => this.#isDone(errback, failed))
      if (!isDone) left.push(errback)
    }
    // A worker that stops begins nothing any more: others may.
    const rootId = typeof root === 'string' ? root : undefined
    const others = await steps.once(`${what}: left`, () => applyErrbacks(left, { id, rootId }, () => false, sender))
    await this.#send(others.orders, `${what}: left`, steps)
  }

  async #send(orders: readonly Order[], what: string, steps: DoneSteps): Promise<void> {
    for (const [index, order] of orders.entries()) await steps.once(`${what} ${index}`, () => this.#sendOne(order))
  }

  async #sendOne(order: Order): Promise<void> {
    try {
      await this.#parts.sender.carryOut([order])
    } catch (error) {
      if (!isFinal(error)) throw error
      this.#parts.report(error)
    }
  }

  /** Whether it was called, with whatever end. */
  async #isDone(errback: Signature, failed: FailedTask): Promise<boolean> {
    const outcome = await this.#call(errback, failed)
    if (outcome.type === 'released') return false
    if (outcome.type !== 'completed') this.#parts.report(errbackFailed(errback, failed, outcome))
    return true
  }

  #call(errback: Signature, { request, exception, traceback }: FailedTask): Promise<Outcome> {
    const { deliver, newId, now } = this.#parts
    const { task: name, args, kwargs } = merged(errback, { args: [request, exception, traceback ?? null] })
    const once = { run: 0, retries: 0, retryLimit: 0, lost: 0, queue: '', priority: medium }
    const message: DeliveredMessage = { ...once, id: newId(), name, args, kwargs, parent: request.id, sentAt: now() }
    return new Promise((resolve) => {
      deliver(new CallDelivery(message, false, resolve))
    })
  }
}

function errbackFailed({ task }: Signature, { request: { id } }: FailedTask, outcome: Outcome): TaskError {
  const failure = 'failure' in outcome ? outcome.failure : undefined
  const why = failure === undefined ? outcome.type : `${failure.name}: ${failure.message}`
  const message = `expected the errback ${task} of task ${id} to succeed, got: ${why}; it is not called again`
  return new TaskError('TASK_FAILED', message, { subject: id, ...(failure === undefined ? {} : { failure }) })
}
