/** The task as the queue keeps it: its states, priorities, reasons and the record itself. */

import type { HttpTask } from './http-task.ts'

/** Every state a task can be in. The legal moves between them stand in `transitions.ts`. */
export const taskStates = ['blocked', 'scheduled', 'pending', 'running', 'completed', 'failed', 'exception'] as const
export type TaskState = (typeof taskStates)[number]

/** The states that end a task's life. */
export const resolvedStates = ['completed', 'failed', 'exception'] as const
export type ResolvedState = (typeof resolvedStates)[number]

/** Why a task ended as `exception`: the system's verdict, never the handler's. */
export const exceptionReasons = [
  'cancelled',
  'deadline-exceeded',
  'worker-lost',
  'malformed-payload',
  'superseded',
  'dependency-failed',
  'resource-unavailable',
  'internal-error',
  'intermittent-task',
] as const
export type ExceptionReason = (typeof exceptionReasons)[number]

/** Priority names from the most to the least urgent; kept as numbers 7 to 1. */
export const priorityNames = ['highest', 'very-high', 'high', 'medium', 'low', 'very-low', 'lowest'] as const
export type PriorityName = (typeof priorityNames)[number]

/** What went wrong in a run, as plain data that travels and is kept. */
export interface Failure {
  /** The error's class name, for example `TypeError`. */
  readonly name: string
  readonly message: string
  /** The code of a coded error, for example `TIMEOUT` or `ENOENT`. */
  readonly code?: string
  readonly stack?: string
  readonly cause?: Failure
}

/** One ended attempt at a task. The attempt in progress is described by the task itself. */
export interface RunRecord {
  readonly run: number
  /** The worker's name, `name@host`. */
  readonly worker: string
  /** Epoch milliseconds. */
  readonly startedAt: number
  /** Epoch milliseconds. */
  readonly endedAt: number
  readonly outcome: 'completed' | 'failed' | 'retried' | 'released' | 'rejected' | 'cancelled' | 'lost' | 'expired'
  /** The exception's reason, where the task was resolved by this run and then asked for again. */
  readonly reason?: string
  readonly failure?: Failure
}

/** How dependencies gate a task: all must be `completed`, or all must only be resolved. */
export type Requires = 'all-completed' | 'all-resolved'
/** What a failed dependency does to the tasks behind it: resolve them as `dependency-failed`, or leave them waiting for a rerun. */
export type OnDependencyFailure = 'resolve' | 'wait'

/** `existing`: the unresolved task with that key is the answer; `reject`: a conflict; `replace`: it is superseded. */
export type KeyPolicy = 'existing' | 'reject' | 'replace'

/**
 * Which results a task takes as its input: that of its first dependency, those of all in order, or those of the first so many
 * (it only waits for the others).
 */
export type Bind = 'one' | 'all' | { readonly first: number }

/** The seldom-used parts of a task, kept as one JSON text beside the hot columns. */
export interface TaskExtras {
  /** Positional arguments, for callers of other languages. */
  readonly args?: readonly unknown[]
  /** Named arguments, for callers of other languages. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, unknown>>
  /** As they were sent. Whom the task really waits for is told by `awaitedTasks`. */
  readonly dependencies?: readonly string[]
  /**
   * The holders of keys that stand in for dependencies, by the ids of those. Written by the store (see `insert`), and no part
   * of what an id stands for.
   */
  readonly standIns?: Readonly<Record<string, string>>
  readonly requires?: Requires
  readonly onDependencyFailure?: OnDependencyFailure
  /** The input is `null` itself; without this the text `null` says that there is none. */
  readonly nullInput?: true
  /** The input is built from results of the dependencies. */
  readonly bind?: Bind
  /** Hard time limit of a run in milliseconds, over the definition's. */
  readonly timeoutMs?: number
  /** The task whose handler sent this one. */
  readonly parent?: string
  /** The flow this task belongs to. */
  readonly flow?: string
  /** What it says beyond this when it came through the HTTP queue. */
  readonly http?: HttpTask
}

/**
 * A task as a store keeps it. Times are epoch milliseconds. Payloads (`input`, `result`) are JSON texts that a store
 * never looks into.
 */
export interface Task {
  /** 1 to 200 visible ASCII characters; a UUIDv7 unless the caller chose it. */
  readonly id: string
  readonly name: string
  readonly queue: string
  /** 7 (`highest`) to 1 (`lowest`). */
  readonly priority: number
  readonly state: TaskState
  /** The exception's reason, or a word on why a run was failed by the system (`timeout`). */
  readonly reason?: string | undefined
  /** JSON text; the text `null` when there is no input. */
  readonly input: string
  readonly extras?: TaskExtras | undefined
  /** The number of the current or last run; -1 before the first claim. Grows with every claim: it fences settlements. */
  readonly run: number
  /** Retries used. Never above the limit in force. */
  readonly retries: number
  /** The sender's limit; undefined leaves it to the definition of the worker that runs it. */
  readonly retryLimit?: number | undefined
  /** Workers lost while running it. Never above `lostLimit`. */
  readonly lost: number
  readonly lostLimit: number
  /** Dependencies not yet satisfied. Above 0 exactly while `blocked`. */
  readonly blockers: number
  /** When a `scheduled` (or later unblocked) task becomes pending. */
  readonly dueAt?: number | undefined
  readonly deadline?: number | undefined
  /** Unique among unresolved tasks of the same name, or until `keyUntil`. */
  readonly key?: string | undefined
  readonly keyUntil?: number | undefined
  /** The holder (see the Liveness port) that runs it; only while running. */
  readonly holder?: string | undefined
  /** The name of the worker of the current or last run, `name@host`. */
  readonly worker?: string | undefined
  /** The end of the lease; only while running. */
  readonly takenUntil?: number | undefined
  readonly createdAt: number
  /** When the current or last run was claimed or, once it is settled, when its handler started. */
  readonly startedAt?: number | undefined
  readonly resolvedAt?: number | undefined
  /** JSON text; only when completed. */
  readonly result?: string | undefined
  readonly failure?: Failure | undefined
  /** The last progress reported, as JSON text. */
  readonly progress?: string | undefined
  /** Runs that ended before the current or last one. */
  readonly runs: readonly RunRecord[]
}

/** Tells whether the state ends a task's life. */
export function isResolved(state: TaskState): state is ResolvedState {
  return state === 'completed' || state === 'failed' || state === 'exception'
}

/** The tasks that it really waits for: one per dependency, in order, so that one which stands in for several comes several times. */
export function awaitedTasks({ dependencies = [], standIns }: TaskExtras = {}): readonly string[] {
  if (standIns === undefined) return dependencies
  return dependencies.map((id) => (Object.hasOwn(standIns, id) ? standIns[id] : undefined) ?? id)
}

/** Gives a priority's number (7 highest to 1 lowest), or undefined for an unknown name. */
export function priorityNumber(name: string): number | undefined {
  const index = (priorityNames as readonly string[]).indexOf(name)
  return index < 0 ? undefined : 7 - index
}

/** Gives a priority's name; numbers outside 1 to 7 are taken to the nearer end. */
export function priorityName(priority: number): PriorityName {
  const index = 7 - Math.min(7, Math.max(1, Math.round(priority)))
  return priorityNames[index] ?? 'medium'
}
