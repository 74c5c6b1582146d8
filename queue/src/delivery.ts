/** A claimed task on its way through a worker. */
import {
  awaitedTasks,
  BugError,
  beginMatters,
  type DeliveredMessage,
  type Delivery,
  type DeliveryNote,
  type Failure,
  type LogLine,
  type Outcome,
  type Task,
  type TaskEvent,
} from '@lovage/core'
import { completeWithin } from './complete-within.ts'
import type { Engine } from './engine.ts'
import type { NoteTaker } from './note-taker.ts'
import { boundedFailure, encodePayload } from './payload.ts'

/** What a delivery needs of its consumer. */
export interface DeliveryHome {
  readonly engine: Engine
  readonly notes: Pick<NoteTaker, 'has' | 'flush'>
  now(): number
  settle(task: Task, event: TaskEvent): Promise<boolean>
  /** Gives back a run that cannot be settled, if it is still this holder's and no outcome is on its way. */
  abandon(task: Task): void
  /** Tells the store that the run begins; false when it is not this holder's any more. */
  begin(task: Task): Promise<boolean>
  note(task: Task, note: { progress?: string; line?: LogLine }): void
}

export class QueueDelivery implements Delivery {
  readonly message: DeliveredMessage
  readonly redelivered: boolean
  readonly task: Task
  readonly #home: DeliveryHome
  #startedAt: number | undefined
  #settled = false
  #inTransaction: Outcome | undefined
  #committed: Outcome | undefined

  constructor(home: DeliveryHome, task: Task, message: DeliveredMessage) {
    this.#home = home
    this.task = task
    this.message = message
    this.redelivered = task.run > 0
  }

  accept(): Promise<boolean> | undefined {
    this.#startedAt = this.#home.now()
    return beginMatters(this.task) ? this.#home.begin(this.task) : undefined
  }

  note(note: DeliveryNote): void {
    const { name, run } = this.task
    let progress: string | undefined
    // A task that a transaction has completed is locked: progress would wait for its end, and others with it.
    if (note.progress !== undefined && !this.mayBeCommitted) {
      try {
        progress = encodePayload(note.progress, this.#home.engine.settings.maxPayload, () => `progress of ${name}`)
      } catch (error) {
        this.note({ line: { level: 'warn', text: (error as Error).message } })
        return
      }
    }
    const line = note.line === undefined ? undefined : { ...note.line, run, at: this.#home.now() }
    this.#home.note(this.task, { ...(progress === undefined ? {} : { progress }), ...(line === undefined ? {} : { line }) })
  }

  settle(outcome: Outcome): Promise<boolean> {
    if (this.#settled) {
      const run = `task ${this.task.id} run ${this.task.run}`
      return Promise.reject(
        new BugError('SETTLED_TWICE', `expected ${run} to be settled once, got a second outcome: ${outcome.type}`),
      )
    }
    let event: TaskEvent
    try {
      event = this.#eventFor(outcome)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#settled = true
    return this.mayBeCommitted ? this.#settleAfter(event) : this.#home.settle(this.task, event)
  }

  abandon(): void {
    // What a transaction has completed is locked until its end.
    if (!this.mayBeCommitted) this.#home.abandon(this.task)
  }

  async completeWithin(result: unknown, transaction: object): Promise<void> {
    const outcome = { type: 'completed', result } as const
    const event = this.#eventFor(outcome)
    const { engine, notes } = this.#home
    if (notes.has(this.task.id)) await notes.flush()
    // Whether it was written is certain only when the transaction is over.
    this.#inTransaction = outcome
    await completeWithin(engine, this.task, event, transaction)
  }

  /** A completion was written in a transaction that may be committed, or be open still. */
  get mayBeCommitted(): boolean {
    return this.#inTransaction !== undefined
  }

  get committed(): Outcome | undefined {
    return this.#committed
  }

  /** The outcome could not be written: the worker may settle again. */
  reopen(): void {
    this.#settled = false
  }

  /** Whoever writes to the task waits for the end of the transaction: nobody else's outcome is to wait with this one. */
  async #settleAfter(event: TaskEvent): Promise<boolean> {
    const { store } = this.#home.engine
    const { id, run } = this.task
    try {
      const [before] = await store.get([id])
      if (before?.state === 'running' && before.run === run) {
        await store.update([{ id, from: 'running', run, patch: { state: 'running' } }], { kept: 'aside' })
      }
      if (await this.#home.settle(this.task, event)) return true
      const [found] = await store.get([id])
      if (found?.state === 'completed' && found.run === run) this.#committed = this.#inTransaction
      return false
    } catch (error) {
      this.reopen()
      throw error
    }
  }

  #eventFor(outcome: Outcome): TaskEvent {
    const startedAt = this.#startedAt ?? this.#home.now()
    switch (outcome.type) {
      case 'completed':
        return { type: 'completed', startedAt, result: this.#written(outcome.result) }
      case 'failed':
        return { type: 'failed', startedAt, failure: boundedFailure(outcome.failure), reason: outcome.reason }
      case 'retried': {
        const { delayMs, limit, reason } = outcome
        return { type: 'retried', startedAt, delayMs, limit, failure: bounded(outcome.failure), reason }
      }
      case 'released':
        return { type: 'released', startedAt: this.#startedAt, delayMs: outcome.delayMs, failure: bounded(outcome.failure) }
      case 'rejected':
        return { type: 'rejected', startedAt, reason: outcome.reason, failure: bounded(outcome.failure) }
      case 'cancelled':
        return { type: 'cancelled', message: outcome.message }
    }
  }

  #written(result: unknown): string {
    return encodePayload(result, this.#home.engine.settings.maxPayload, () => `result of ${this.task.name}`)
  }
}

function bounded(failure: Failure | undefined): Failure | undefined {
  return failure === undefined ? undefined : boundedFailure(failure)
}

/** The message of a claimed task. @throws {SyntaxError} when the stored input is not JSON */
export function deliveredMessage(task: Task, input: unknown): DeliveredMessage {
  const { extras } = task
  const message = {
    id: task.id,
    name: task.name,
    queue: task.queue,
    priority: task.priority,
    input,
    run: task.run,
    retries: task.retries,
    retryLimit: task.retryLimit,
    lost: task.lost,
    lostLimit: task.lostLimit,
    deadline: task.deadline,
    key: task.key,
    sentAt: task.createdAt,
  }
  if (extras === undefined) return message
  const { nullInput: _, standIns, ...others } = extras
  return { ...message, ...others, ...(standIns === undefined ? {} : { dependencies: awaitedTasks(extras) }) }
}
