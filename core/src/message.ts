/** Task messages: what a sender hands to a broker and what a broker hands to a worker, in words that every broker shares. */
import type { HttpTask } from './http-task.ts'
import type { Bind, KeyPolicy, OnDependencyFailure, Requires } from './task.ts'

/** A request to run a definition. Times are epoch milliseconds; lengths of time are milliseconds. */
export interface TaskMessage {
  readonly id: string
  /** The id was made for this message, which is sent once: no broker needs to look whether the task is there already. Default false. */
  readonly isNew?: boolean | undefined
  readonly name: string
  readonly queue: string
  /** 7 (`highest`) to 1 (`lowest`). */
  readonly priority: number
  /** The one input value; undefined when there is none, or when args and kwargs carry it. */
  readonly input?: unknown
  /** Positional arguments, for tasks of other languages. */
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** Not before this time. */
  readonly at?: number | undefined
  /** Pointless after this time. */
  readonly deadline?: number | undefined
  readonly key?: string | undefined
  readonly keyPolicy?: KeyPolicy | undefined
  /** The key stays taken this long after sending, resolved or not; undefined: until resolved. */
  readonly keyForMs?: number | undefined
  readonly dependencies?: readonly string[] | undefined
  readonly requires?: Requires | undefined
  readonly onDependencyFailure?: OnDependencyFailure | undefined
  /** Build the input from results of the dependencies. */
  readonly bind?: Bind | undefined
  /** Retries allowed; undefined leaves it to the worker's definition. */
  readonly retryLimit?: number | undefined
  readonly lostLimit?: number | undefined
  /** Hard time limit of a run; undefined leaves it to the worker's definition. */
  readonly timeoutMs?: number | undefined
  readonly parent?: string | undefined
  readonly flow?: string | undefined
  /** What it says beyond this when it comes through the HTTP queue. */
  readonly http?: HttpTask | undefined
}

/** A task message on its way to a handler. */
export interface DeliveredMessage extends TaskMessage {
  /** The number of this run, from 0. */
  readonly run: number
  /** Retries used before this run. */
  readonly retries: number
  /** Workers lost while running it. */
  readonly lost: number
  readonly sentAt: number
  /** Soft time limit of a run, from senders of worlds that have one; undefined leaves it to the worker's definition. */
  readonly softTimeoutMs?: number | undefined
}

/** What a broker did with a sent message. */
export interface SendReceipt {
  /** The task that stands for the request: the caller's own, or the one that was there already. */
  readonly id: string
  readonly status: 'sent' | 'existing'
}

/** A definition as a worker announces it. */
export interface PublishedTask {
  readonly name: string
  /** JSON Schema of the input, when the definition's library can tell it. */
  readonly schema?: unknown
  readonly queue?: string | undefined
  /** 7 to 1. */
  readonly priority?: number | undefined
  /** Names of the positional arguments. */
  readonly params?: readonly string[] | undefined
  /** The definition makes a key from the input, which nobody else can. */
  readonly keyed?: boolean | undefined
  /** Retries after the first run. */
  readonly retryLimit?: number | undefined
  /** Workers that may be lost while running it. */
  readonly lostLimit?: number | undefined
}
