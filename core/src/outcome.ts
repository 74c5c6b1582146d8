/** Outcomes: how a run ended, as a worker tells its broker. */
import type { ExceptionReason, Failure } from './task.ts'

export type Outcome =
  | { readonly type: 'completed'; readonly result: unknown }
  /** The handler's verdict; no retry follows. `reason` says more when the system failed it (`timeout`; `child-died`: its thread or process). */
  | { readonly type: 'failed'; readonly failure: Failure; readonly reason?: string }
  /** Run again after the delay, if the budget allows (the sender's limit, else this one); `reason` counts when it does not. */
  | {
      readonly type: 'retried'
      readonly delayMs: number
      readonly limit: number
      readonly failure?: Failure
      readonly reason?: string
    }
  /** Given back without a verdict; costs no budget. `failure` says what kept it from running. */
  | { readonly type: 'released'; readonly delayMs?: number; readonly failure?: Failure }
  /** The system's verdict, for example `malformed-payload`. */
  | { readonly type: 'rejected'; readonly reason: ExceptionReason; readonly failure?: Failure }
  | { readonly type: 'cancelled'; readonly message?: string }

export type OutcomeType = Outcome['type']
