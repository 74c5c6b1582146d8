/** Tells errbacks of a failure: those of the new style are called here, the others sent, each alone (celery.md 12.2). */
import { type ConsumeOptions, type DeliveredMessage, type Delivery, type Outcome, TaskError } from '@lovage/core'
import { applyErrbacks, type Errbacks as Found, type IsNewStyle } from '../canvas/errbacks.ts'
import { merged } from '../canvas/merge.ts'
import type { CanvasSender, Order } from '../canvas/orders.ts'
import type { Signature } from '../canvas/signature.ts'
import type { PythonException } from '../wire/python-exception.ts'
import { CallDelivery } from './call-delivery.ts'
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

  /** One that can never be sent, or that fails, keeps neither the others nor the end of the task. */
  async tell({ local, orders }: Found, failed: FailedTask, sender: CanvasSender): Promise<void> {
    await this.#send(orders)
    const left: Signature[] = []
    for (const errback of local) {
      const outcome = await this.#call(errback, failed)
      if (outcome.type === 'released') left.push(errback)
      else if (outcome.type !== 'completed') this.#parts.report(errbackFailed(errback, failed, outcome))
    }
    // A worker that stops begins nothing any more: others may.
    const { id, root_id: root } = failed.request
    await this.#send(applyErrbacks(left, { id, rootId: typeof root === 'string' ? root : undefined }, () => false, sender).orders)
  }

  async #send(orders: readonly Order[]): Promise<void> {
    for (const order of orders) {
      try {
        await this.#parts.sender.carryOut([order])
      } catch (error) {
        if (!isFinal(error)) throw error
        this.#parts.report(error)
      }
    }
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
