/** What a sender may say about one task. */
import type { Duration } from './duration.ts'
import type { KeyPolicy, OnDependencyFailure, PriorityName, Requires } from './task.ts'

export interface SendOptions {
  /** Chosen by the caller it makes sending idempotent: the same id with the same content is one task. */
  readonly id?: string | undefined
  /** Default: the definition's, else `default`. */
  readonly queue?: string | undefined
  /** Not before this much time has passed. Either this or `at`. */
  readonly delay?: Duration | undefined
  /** Not before this time: a Date, epoch milliseconds or an ISO text. */
  readonly at?: Date | number | string | undefined
  /** Pointless after this: a duration from now, a Date or an ISO text. */
  readonly deadline?: Duration | Date | undefined
  /** Default: the definition's, else `medium`. */
  readonly priority?: PriorityName | undefined
  /** At most one unresolved task of this name with this key. */
  readonly key?: string | undefined
  /** When the key is taken. Default `existing`. */
  readonly keyPolicy?: KeyPolicy | undefined
  /** The key stays taken this long, resolved or not. Default: until the task is resolved. */
  readonly keyFor?: Duration | undefined
  /** Ids of tasks that come first. */
  readonly dependencies?: readonly string[] | undefined
  readonly requires?: Requires | undefined
  readonly onDependencyFailure?: OnDependencyFailure | undefined
  /** Build the input from the results of the dependencies: the only one's, or all in order. */
  readonly bind?: 'one' | 'all' | undefined
  /** Retries allowed, over the definition's. */
  readonly retryLimit?: number | undefined
  readonly lostLimit?: number | undefined
  /** Time limit of a run, over the definition's. */
  readonly timeout?: Duration | undefined
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  readonly parent?: string | undefined
  readonly flow?: string | undefined
}
