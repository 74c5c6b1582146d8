/** One delivery in a worker's hands, from receipt to settlement. */
import type { CancelTimer, DeliveredMessage, Delivery, RevokeReason, SendOptions, TaskResult } from '@lovage/core'
import type { JobHooks, Running, TransactionHooks } from './pool.ts'
import type { RegisteredTask } from './task-registry.ts'

/** `scheduled`: waits for its time; `limited`: for its rate limit; `ended`: settled, or no longer this worker's. */
export type RunStage = 'reserved' | 'scheduled' | 'limited' | 'running' | 'ended'

/** Why a run was stopped from outside; undefined for one that runs or ended by itself. */
export type StopCause =
  | { readonly type: 'timeout'; readonly limitMs: number }
  | { readonly type: 'terminated'; readonly signal: string }
  | { readonly type: 'disowned'; readonly reason: RevokeReason }
  | { readonly type: 'shutdown' }

/** What it takes to settle a delivery. */
export interface Unsettled {
  readonly delivery: Delivery
  /** The delivery belongs to someone else now; nothing is to be settled. */
  readonly disowned: boolean
  disown(reason: RevokeReason): void
  /** Ends the wait between two attempts to settle. */
  wake: (() => void) | undefined
}

/** What handlers ask of their worker. One per worker; the runs point at it. */
export interface HandlerDesk {
  progress(run: TaskRun, value: unknown, detail: unknown): void
  log(run: TaskRun, level: 'debug' | 'info' | 'warn' | 'error', text: string): void
  send(run: TaskRun, name: string, input: unknown, options: SendOptions | undefined): Promise<string>
  dependencies(run: TaskRun): Promise<readonly TaskResult[]>
  within(run: TaskRun, transaction: object): TransactionHooks
}

export class TaskRun implements JobHooks, Unsettled {
  readonly delivery: Delivery
  readonly message: DeliveredMessage
  readonly task: RegisteredTask
  stage: RunStage = 'reserved'
  /** Epoch milliseconds; 0 before it runs. */
  startedAt = 0
  stopped: StopCause | undefined
  running: Running | undefined
  /** Timers that end with the run: limits, grace, or the wait for its time. */
  timers: CancelTimer[] | undefined
  wake: (() => void) | undefined
  readonly #desk: HandlerDesk

  constructor(delivery: Delivery, task: RegisteredTask, desk: HandlerDesk) {
    this.delivery = delivery
    this.message = delivery.message
    this.task = task
    this.#desk = desk
  }

  get disowned(): boolean {
    return this.stopped?.type === 'disowned'
  }

  /** The arguments as a person looks for them: what came by position, else the one input. */
  get args(): readonly unknown[] {
    const { args, input } = this.message
    return args ?? (input === undefined || input === null ? [] : [input])
  }

  disown(reason: RevokeReason): void {
    this.stopped = { type: 'disowned', reason }
    this.wake?.()
  }

  progress(value: unknown, detail: unknown): void {
    if (this.stage === 'running') this.#desk.progress(this, value, detail)
  }

  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void {
    if (this.stage === 'running') this.#desk.log(this, level, text)
  }

  send(name: string, input: unknown, options: SendOptions | undefined): Promise<string> {
    return this.#desk.send(this, name, input, options)
  }

  dependencies(): Promise<readonly TaskResult[]> {
    return this.#desk.dependencies(this)
  }

  within(transaction: object): TransactionHooks {
    return this.#desk.within(this, transaction)
  }

  addTimer(cancel: CancelTimer): void {
    if (this.timers === undefined) this.timers = [cancel]
    else this.timers.push(cancel)
  }

  cancelTimers(): void {
    if (this.timers === undefined) return
    for (const cancel of this.timers) cancel()
    this.timers = undefined
  }
}
