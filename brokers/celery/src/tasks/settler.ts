/** What the end of a run means in Celery: what is sent, what is stored, what is acknowledged, in this order (celery.md 11). */
import { failureFrom, LovageError, type Outcome } from '@lovage/core'
import { afterFailure } from '../canvas/after-failure.ts'
import { afterSuccess } from '../canvas/after-success.ts'
import type { CanvasSender, Following } from '../canvas/orders.ts'
import { retried } from '../canvas/retry.ts'
import type { Member } from '../member.ts'
import { celeryExceptions } from '../wire/python-exception.ts'
import type { CeleryDelivery } from './celery-delivery.ts'
import { type ChordKeeper, unreachedEntries } from './chord-keeper.ts'
import type { Errbacks } from './errbacks.ts'
import { isFinal, isHopeless } from './final-error.ts'
import { requestFacts } from './request-facts.ts'
import type { ResultStore, StoredState } from './result-store.ts'
import { noRetryLeft, type RunException, runException, shownException } from './run-exception.ts'
import type { TaskSender } from './task-sender.ts'

export interface SettlerParts {
  readonly member: Member
  readonly sender: TaskSender
  readonly store: ResultStore
  readonly chords: ChordKeeper
  readonly errbacks: Errbacks
  /** `name@host`. */
  readonly worker: string
  /** Hears of what is let go of. */
  readonly report: (error: Error) => void
  /** Tells of a task that this worker does not know. */
  readonly tellFailed: (id: string, exception: string) => void
}

/**
 * A crash between two steps repeats what came before it: what follows a task may then be sent twice, and is never lost. A settlement
 * that failed half-way is taken up where it stopped.
 */
export class Settler {
  readonly #parts: SettlerParts

  constructor(parts: SettlerParts) {
    this.#parts = parts
  }

  /** Whether there is nothing to do for an outcome: a success that is not kept, that nothing follows, and acknowledged before. */
  isSafe(delivery: CeleryDelivery, outcome: Outcome): boolean {
    if (outcome.type !== 'completed' || !delivery.acknowledged || isFollowed(delivery)) return false
    return !this.#parts.store.isStored(delivery, 'SUCCESS')
  }

  /**
   * Resolves when the outcome is safe: true if it counted, false if the task goes back as if it had never run. What never can be
   * safe is told once and let go of, as Celery lets go of it; it rejects with what a further attempt may mend.
   */
  async settle(delivery: CeleryDelivery, outcome: Outcome): Promise<boolean> {
    try {
      return await this.#settle(delivery, outcome)
    } catch (error) {
      delivery.attempts++
      // What is given back and cannot be is still in nobody's hands: it comes again when its connection ends.
      if (outcome.type === 'released' || !isHopeless(error, delivery.attempts)) throw error
      return this.#letGo(delivery, outcome, error)
    }
  }

  #settle(delivery: CeleryDelivery, outcome: Outcome): Promise<boolean> {
    if (isLost(outcome) && delivery.policy.rejectsOnWorkerLost && !delivery.acknowledged && delivery.done === 'nothing') {
      return delivery.arrival.settle('requeue').then(() => false)
    }
    switch (outcome.type) {
      case 'completed':
        return this.#succeed(delivery, outcome.result === undefined ? null : outcome.result)
      case 'failed':
        return this.#fail(delivery, runException(outcome.failure, outcome.reason, delivery.message))
      case 'retried':
        return this.#retry(delivery, outcome)
      case 'released':
        return this.#release(delivery, outcome.delayMs ?? 0)
      case 'rejected':
        if (outcome.reason === 'deadline-exceeded') return this.#revoke(delivery, 'expired')
        return this.#fail(delivery, runException(outcome.failure ?? failureFrom(outcome.reason), undefined, delivery.message))
      case 'cancelled':
        return this.#revoke(delivery, outcome.message ?? 'revoked')
    }
  }

  async started(delivery: CeleryDelivery): Promise<void> {
    const { store, worker: hostname } = this.#parts
    await store.store(delivery, { status: 'STARTED', result: { pid: process.pid, hostname } })
  }

  progress(delivery: CeleryDelivery, value: unknown): void {
    this.#parts.store.progress(delivery, value)
  }

  /** Celery's answer to a task that a worker does not know (celery.md 7.2): nothing of what follows it is done. */
  async notRegistered(delivery: CeleryDelivery): Promise<void> {
    const { store, tellFailed } = this.#parts
    const exception = { wire: celeryExceptions.notRegistered(delivery.request.task) }
    await store.store(delivery, failureState(exception))
    tellFailed(delivery.request.id, shownException(exception))
    await delivery.arrival.settle('reject')
  }

  /** The task has failed of that, where it has run and this can still be said; in any case its message ends as that of a failed one. */
  async #letGo(delivery: CeleryDelivery, { type }: Outcome, error: unknown): Promise<boolean> {
    if (!delivery.isLetGo) this.#parts.report(letGoError(delivery, type, error))
    delivery.isLetGo = true
    const hasRun = type === 'completed' || type === 'retried' || type === 'failed'
    if (hasRun && delivery.done !== 'stored') {
      try {
        return await this.#fail(delivery, runException(failureFrom(error), undefined, delivery.message))
      } catch (again) {
        if (!isHopeless(again, Number.POSITIVE_INFINITY)) throw again
      }
    }
    return acknowledge(delivery, delivery.policy.acksOnFailure ? 'ack' : 'reject')
  }

  /** The sender of what a task causes. */
  canvasSender(delivery: CeleryDelivery): CanvasSender {
    const { member, chords } = this.#parts
    return {
      newId: member.newId,
      replyTo: member.results?.replyTo ?? member.oid,
      now: member.clock.now(),
      chords: chords.counting,
      origin: this.#parts.worker,
      priority: member.settings.task_inherit_parent_priority ? delivery.request.priority : undefined,
    }
  }

  async #succeed(delivery: CeleryDelivery, value: unknown): Promise<boolean> {
    if (isFollowed(delivery)) return this.#succeedAndFollow(delivery, value)
    const stored = this.#parts.store.store(delivery, { status: 'SUCCESS', result: value })
    if (stored !== undefined) await stored
    return delivery.acknowledged || acknowledge(delivery)
  }

  async #succeedAndFollow(delivery: CeleryDelivery, value: unknown): Promise<boolean> {
    const { sender, store, chords } = this.#parts
    if (delivery.done === 'nothing') {
      try {
        // What is sent again, where it could not all be sent, has the ids that it had.
        const follow = (): Following => afterSuccess(delivery.request, value, this.canvasSender(delivery))
        const following = await delivery.steps.once('following', follow)
        await sender.carryOut(following.orders)
        delivery.children.push(...following.children)
        delivery.done = 'followed'
      } catch (error) {
        // What cannot be read or sent now never can: as in Celery the run has failed.
        if (!isFinal(error)) throw error
        return this.#fail(delivery, runException(failureFrom(error), undefined, delivery.message))
      }
    }
    await store.store(delivery, { status: 'SUCCESS', result: value })
    await chords.report(delivery, { state: 'SUCCESS', result: value }, this.canvasSender(delivery))
    return acknowledge(delivery)
  }

  async #fail(delivery: CeleryDelivery, exception: RunException): Promise<boolean> {
    const { store, chords, member, errbacks } = this.#parts
    const { request, policy } = delivery
    const canvas = this.canvasSender(delivery)
    const failing = afterFailure(request, errbacks.isNewStyle, canvas)
    if (delivery.done !== 'stored') {
      const state = failureState(exception)
      const own = store.isStored(delivery, 'FAILURE') ? [store.entry(delivery, state)] : []
      await store.storeAll([...own, ...unreachedEntries(failing.unreached, state, member.clock.now())], delivery)
      const end = { state: 'FAILURE', result: exception.wire } as const
      await chords.report(delivery, end, canvas)
      await chords.reportUnreached(failing.unreached, end, delivery, canvas)
      delivery.done = 'stored'
    }
    const { wire, traceback } = exception
    const failed = { request: requestFacts(delivery, this.#parts.worker), exception: wire, traceback }
    await errbacks.tell(failing, failed, canvas, delivery.steps)
    return acknowledge(delivery, policy.acksOnFailure ? 'ack' : 'reject')
  }

  async #retry(delivery: CeleryDelivery, outcome: Outcome & { readonly type: 'retried' }): Promise<boolean> {
    const { sender, store, member } = this.#parts
    const { request, message } = delivery
    const cause = outcome.failure === undefined ? undefined : runException(outcome.failure, outcome.reason, message)
    if (message.retries >= (message.retryLimit ?? outcome.limit)) {
      return this.#fail(delivery, cause ?? noRetryLeft(message))
    }
    if (delivery.done === 'nothing') {
      const etaMs = outcome.delayMs === 0 ? undefined : member.clock.now() + outcome.delayMs
      const { order, children } = retried(request, etaMs, addressOf(delivery))
      await member.transport.publish([sender.publication(order.request, addressOf(delivery))])
      delivery.children.push(...children)
      delivery.done = 'followed'
    }
    await store.store(delivery, { status: 'RETRY', result: cause?.wire ?? null, traceback: cause?.traceback })
    return acknowledge(delivery)
  }

  /** Back to its queue. One that was acknowledged when it began is sent anew, so that a stop of the worker does not lose it. */
  async #release(delivery: CeleryDelivery, delayMs: number): Promise<boolean> {
    const { sender, member } = this.#parts
    if (!delivery.acknowledged && delayMs === 0) {
      await delivery.arrival.settle('requeue')
      return true
    }
    const { request } = delivery
    const again = delayMs === 0 ? request : { ...request, etaMs: member.clock.now() + delayMs }
    await member.transport.publish([sender.publication(again, addressOf(delivery))])
    return acknowledge(delivery)
  }

  async #revoke(delivery: CeleryDelivery, text: string): Promise<boolean> {
    const { store, chords } = this.#parts
    const result = celeryExceptions.taskRevoked(text)
    await store.store(delivery, { status: 'REVOKED', result })
    await chords.report(delivery, { state: 'REVOKED', result }, this.canvasSender(delivery))
    return acknowledge(delivery)
  }
}

function failureState({ wire, traceback }: RunException): StoredState {
  return { status: 'FAILURE', result: wire, traceback }
}

function letGoError({ request: { id } }: CeleryDelivery, type: Outcome['type'], cause: unknown): LovageError {
  const said = LovageError.is(cause) ? cause.rawMessage : failureFrom(cause).message
  const message = `expected the outcome \`${type}\` of task ${id} to be taken, got: ${said}; its message ends as that of a failed task, and what was to be stored or to follow may be missing`
  return new LovageError(LovageError.is(cause) ? cause.code : 'BUG', message, { cause, subject: id, retryable: false })
}

/** Whether its success sends something or counts for a chord. */
function isFollowed({ request: { embed, group } }: CeleryDelivery): boolean {
  return embed.callbacks !== undefined || embed.chain !== undefined || (embed.chord !== undefined && group !== undefined)
}

/** The thread or process died that the handler ran in. */
function isLost(outcome: Outcome): boolean {
  return (outcome.type === 'failed' || outcome.type === 'retried') && outcome.reason === 'child-died'
}

/** Its queue, unless an exchange that is not direct brought it, which others may have bound, too. */
function addressOf({ arrival }: CeleryDelivery): { readonly exchange: string; readonly routingKey: string } {
  const { exchange, routingKey, queue } = arrival
  return exchange === '' ? { exchange: '', routingKey: queue } : { exchange, routingKey }
}

/** An acknowledgement that comes too late changes nothing about what was stored. */
async function acknowledge(delivery: CeleryDelivery, verdict: 'ack' | 'reject' = 'ack'): Promise<boolean> {
  const { isUnstored, policy } = delivery
  if (!delivery.acknowledged) await delivery.arrival.settle(isUnstored && !policy.acksOnFailure ? 'reject' : verdict)
  return true
}
