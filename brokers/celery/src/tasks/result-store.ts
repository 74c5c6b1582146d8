/** Stores states of tasks as their messages and the settings ask for. */
import { StoreError } from '@lovage/core'
import type { Member } from '../member.ts'
import type { ResultEntry } from '../result-backend.ts'
import type { ExtendedRecord, ResultRecord } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import type { CeleryDelivery } from './celery-delivery.ts'
import { isFinal } from './final-error.ts'

/** What is stored of a task: its state, and the value, the exception or what a custom state says. */
export interface StoredState {
  readonly status: string
  readonly result: unknown
  readonly traceback?: string | undefined
}

export class ResultStore {
  readonly #member: Member
  readonly #worker: string
  /** The latest progress of each task in this tick. */
  readonly #progress = new Map<CeleryDelivery, unknown>()
  readonly #report: (error: Error) => void

  constructor(member: Member, worker: string, report: (error: Error) => void) {
    this.#member = member
    this.#worker = worker
    this.#report = report
  }

  /** Undefined when nothing is to be stored: nobody has to wait. */
  store(delivery: CeleryDelivery, state: StoredState): Promise<void> | undefined {
    this.#progress.delete(delivery)
    const { results } = this.#member
    if (results === undefined || this.#isIgnored(delivery, state.status)) return undefined
    return this.storeAll([this.entry(delivery, state)], delivery)
  }

  /**
   * The same end for several tasks, of which some have only a request: all in one call. What never can be stored is told, and keeps
   * nothing else.
   */
  storeAll(entries: readonly ResultEntry[], delivery?: CeleryDelivery): Promise<void> {
    const { results } = this.#member
    if (results === undefined || entries.length === 0) return Promise.resolve()
    return results.store(entries).catch((error: unknown) => this.#letGo(error, entries, delivery))
  }

  /** Whether the state of a task is stored at all. */
  isStored(delivery: CeleryDelivery, status: string): boolean {
    return this.#member.results !== undefined && !this.#isIgnored(delivery, status)
  }

  entry(delivery: CeleryDelivery, state: StoredState): ResultEntry {
    const { request } = delivery
    const { settings, clock } = this.#member
    const isOver = state.status === 'SUCCESS' || state.status === 'FAILURE' || state.status === 'REVOKED'
    const record: ResultRecord = {
      taskId: request.id,
      ...state,
      children: delivery.children,
      doneAtMs: isOver ? clock.now() : undefined,
      groupId: request.group,
      parentId: request.parentId,
      extended: settings.result_extended ? this.#extended(request, delivery.routingKey) : undefined,
    }
    return { record, replyTo: request.replyTo, correlationId: request.correlationId ?? request.id }
  }

  /** The latest value of a tick counts; it is gone when the task ends in the same one. */
  progress(delivery: CeleryDelivery, value: unknown): void {
    if (!this.isStored(delivery, 'PROGRESS')) return
    if (this.#progress.size === 0) setImmediate(() => this.#flushProgress())
    this.#progress.set(delivery, value)
  }

  #letGo(error: unknown, entries: readonly ResultEntry[], delivery: CeleryDelivery | undefined): void {
    if (!isFinal(error)) throw error
    const what = entries.map(({ record }) => `${record.status} of task ${record.taskId}`).join(', ')
    const message = `${error.rawMessage}; not stored: ${what}`
    this.#report(new StoreError(error.code, message, { cause: error, subject: error.subject, retryable: false }))
    if (delivery !== undefined) delivery.isUnstored = true
  }

  #flushProgress(): void {
    const entries = [...this.#progress].map(([delivery, result]) => this.entry(delivery, { status: 'PROGRESS', result }))
    this.#progress.clear()
    this.storeAll(entries).catch(this.#report)
  }

  #isIgnored({ request, policy }: CeleryDelivery, status: string): boolean {
    if (!(request.ignoreResult ?? policy.ignoreResult)) return false
    return !(policy.storeErrorsEvenIfIgnored && status === 'FAILURE')
  }

  #extended(request: TaskRequest, queue: string): ExtendedRecord {
    return {
      name: request.task,
      args: request.received?.carriedArgs ?? request.args,
      kwargs: request.received?.carriedKwargs ?? request.kwargs,
      worker: this.#worker,
      retries: request.retries,
      queue,
      stampedHeaders: request.stampedHeaders,
      stamps: request.stamps,
    }
  }
}
