/** What a user's handler is given, and how it says what became of the task. */
import type { AbortSignal, Json } from '@lovage/core'

/** What a handler gets beside the properties. */
export interface TaskContext {
  readonly id: string
  /** From 1. Always 1 from a server that does not count. */
  readonly attempt: number
  /** Fires when the run is not wanted any more: cancelled, lost to this worker, or given back when it stops. */
  readonly signal: AbortSignal
  /**
   * Says how far the task is, from 0 to 100. Of what is said faster than ten times a second the latest is sent. A server without
   * leases hears nothing of it.
   */
  progress(percent: number, message?: string, data?: unknown): void
}

/** Ends the run with results; `success` false means that it ran, with a negative outcome. The worker goes on. */
export type Resolve = (results?: unknown, success?: boolean) => void

/** Ends the run: this worker cannot do it. The server pauses the worker for a while, and the task may run elsewhere. */
export type Reject = (message: string | Error) => void

/**
 * Handles one task. The first of these counts: `resolve`, `reject`, a value that is returned or awaited (as by `resolve`), an
 * error that is thrown or awaited (as by `reject`). A handler that takes `resolve` and returns `undefined` ends when it calls one of
 * both; one that takes the properties alone ends when it returns.
 */
export type TaskHandler<Properties> = (properties: Properties, resolve: Resolve, reject: Reject, context: TaskContext) => unknown

/** What became of a run. */
export type Settlement =
  | { readonly type: 'done'; readonly results: Json | undefined; readonly success: boolean }
  | { readonly type: 'fail'; readonly message: string; readonly isWorkersFault: boolean }
