/** The pool: where handlers run. The worker decides what runs and when; a pool only runs it, or hands it on. */
import type { Consumer, DeliveredMessage, Failure, SendOptions, TaskResult } from '@lovage/core'

/** One run of one task, ready to go. */
export interface Job {
  readonly message: DeliveredMessage
  /** The worker's name, `name@host`. */
  readonly worker: string
}

/** What a handler may call while it runs; the pool carries the calls to the worker. */
export interface JobHooks {
  progress(value: unknown, detail: unknown): void
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void
  send(name: string, input: unknown, options: SendOptions | undefined): Promise<string>
  dependencies(): Promise<readonly TaskResult[]>
  /** Absent where handlers are apart from the worker: a transaction does not travel. */
  within?(transaction: object): TransactionHooks
}

/** What a handler may do in a transaction of its own. */
export interface TransactionHooks {
  send: JobHooks['send']
  complete(result: unknown): Promise<void>
}

/** How a run ended inside the pool; the worker turns it into an outcome. */
export type JobEnd =
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'threw'; readonly failure: Failure }
  /** The input does not satisfy the definition's schema. */
  | { readonly type: 'invalid'; readonly failure: Failure }
  /** What the handler returned does not satisfy the definition's schema. */
  | { readonly type: 'misfit'; readonly failure: Failure }
  /** The handler called `context.retry`. */
  | { readonly type: 'retry'; readonly delayMs?: number | undefined; readonly failure?: Failure | undefined }
  /** The handler called `context.cancel`. */
  | { readonly type: 'cancel'; readonly message?: string | undefined }
  /** The thread or process was killed, by `kill` or by its own fault. */
  | { readonly type: 'died'; readonly failure: Failure }
  /** The handler never began: there was no thread or process to run it. Costs the task nothing. */
  | { readonly type: 'unbegun'; readonly failure: Failure }
  /** It was not handed on, and is for others; with a failure, after a while. Costs the task nothing. */
  | { readonly type: 'kept'; readonly failure?: Failure | undefined }
  /** Whom it was to be handed on to will never take it. */
  | { readonly type: 'refused'; readonly failure: Failure }

/** A run in progress. */
export interface Running {
  /** Never rejects. */
  readonly end: Promise<JobEnd>
  /** Fires the handler's signal with this reason. */
  abort(reason: Error): void
  /** Ends the run at once where the pool can; false where only the handler itself can stop. */
  kill(reason: Error): boolean
}

export interface Pool {
  readonly name: 'inline' | 'threads' | 'processes' | 'forward'
  /**
   * It runs no handlers, but hands tasks of whatever name on. Nothing of them begins here: their time limits are those of another
   * run, and a crash is no loss of theirs. Default false.
   */
  readonly handsOn?: boolean | undefined
  /** Resolves when the pool can run jobs. @throws {ConfigError} MODULE_INVALID */
  start(): Promise<void>
  run(job: Job, hooks: JobHooks): Running
  /** How many jobs the pool should be ready to run at once. */
  resize(size: number): void
  /** Told where its jobs come from, as soon as there is something. */
  drawFrom?(consumer: Pick<Consumer, 'rest'>): void
  /** Facts for `stats`, for example process ids. */
  describe(): Readonly<Record<string, unknown>>
  /** Waits for nothing: what still runs is killed where the pool can. May be called twice. */
  close(): Promise<void>
}
