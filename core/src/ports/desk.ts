/** The Desk port: work handed in, taken, kept and given back by those who speak for senders and workers without a connection to the broker. */
import type { AbortSignal } from '../context.ts'
import type { TaskMessage } from '../message.ts'
import type { Task } from '../task.ts'
import type { TaskEvent } from '../transitions.ts'
import type { WorkerInfo } from './admin.ts'
import type { LogLine, Records, RunRef } from './store.ts'

/** One worker's request for tasks. Times are milliseconds. */
export interface DeskClaim {
  readonly queues: readonly string[]
  /** Names that the worker knows; undefined means any. */
  readonly names?: readonly string[] | undefined
  /** Only these tasks, and no waiting for others; undefined means any. */
  readonly ids?: readonly string[] | undefined
  /** This start of the worker: what it holds can be taken from it at once. */
  readonly holder: string
  /** `name@host`. */
  readonly worker: string
  readonly limit: number
  /** How long each run belongs to the worker without a renewal; its end is rounded up to a second. */
  readonly leaseMs: number
  /** How long to wait for the first task. */
  readonly waitMs: number
  /**
   * The worker says when its runs begin, by settling `begun`: until then a loss costs a task nothing that it should not. Default: they
   * begin as they are claimed.
   */
  readonly saysBegin?: boolean | undefined
  /** The worker is gone: what comes now goes to others. */
  readonly signal?: AbortSignal | undefined
}

export interface DeskRenewal {
  readonly holder: string
  readonly runs: readonly RunRef[]
  readonly leaseMs: number
}

/** A run that its holder must abandon. */
export interface Abandoned {
  readonly id: string
  /** Undefined: whichever run of the task the holder has. */
  readonly run?: number | undefined
  /** As a broker revokes a delivery. */
  readonly reason: 'cancelled' | 'lost' | 'deadline'
}

/** A worker elsewhere, as others are to see it. Its process may be unknown. */
export type DeskWorker = Omit<WorkerInfo, 'startedAt' | 'keeper'>

/** A worker elsewhere that is watched over. */
export interface DeskWatch {
  /** Tells of it anew: its queues or tasks have changed. */
  announce(worker: DeskWorker): void
  /** False when somebody else watches over the same holder since. */
  isLatest(): Promise<boolean>
  /** It is seen no more, unless somebody else watches over it since. Resolves when it is written. */
  end(): Promise<void>
}

/** What a worker says of a run while it goes on. */
export interface DeskNote {
  /** Anything that JSON writes; the last one wins. */
  readonly progress?: unknown
  readonly line?: { readonly level: LogLine['level']; readonly text: string } | undefined
}

/** What became of a message that was sent at the desk. */
export interface DeskSend {
  /** The one that was there already, as it is now, or the one that was sent, as it was then. */
  readonly task: Task
  readonly isNew: boolean
}

/** Such a worker keeps its own leases: nobody renews for it. */
export interface Desk {
  /** Small documents of those who speak for workers, beside the tasks. */
  readonly records: Records
  /** The time that leases and deadlines go by, in epoch milliseconds. */
  now(): number
  /**
   * Sends one task, as the task bus does, and answers with it.
   * @throws {TaskError} TASK_CONFLICT, KEY_CONFLICT, DEPENDENCY_UNKNOWN
   */
  send(message: TaskMessage): Promise<DeskSend>
  /**
   * Answers as soon as there is one task, with as many as there are up to the limit, and with none when the time is over or the
   * worker is gone. Waiting costs nothing but memory: requests that wait for the same are woken as one.
   */
  claim(claim: DeskClaim): Promise<readonly Task[]>
  /** Moves leases and answers their new end, with those of the runs that are the holder's still. */
  renew(renewal: DeskRenewal): Promise<{ readonly until: number; readonly held: readonly RunRef[] }>
  /** Applies what became of a run, seen as it is running; false when the task has moved on. */
  settle(task: Task, event: TaskEvent): Promise<boolean>
  /**
   * Keeps progress and lines of a run; what comes before it is settled is kept first. Never throws: what cannot be kept is dropped,
   * or a line says so.
   */
  note(task: Task, note: DeskNote): void
  /**
   * Announces a worker elsewhere, and calls the listener for runs of its holder that are its own no more. A word may be lost: a renewal
   * tells for certain. Resolves when what happens from now on will be told; the worker is seen soon after.
   */
  watch(worker: DeskWorker, listener: (abandoned: Abandoned) => void): Promise<DeskWatch>
  /** Takes from a holder what it began to run at this time or before: it goes elsewhere at once. Answers which runs. */
  lose(holder: string, startedBefore: number): Promise<readonly RunRef[]>
  /** Makes tasks pending that wait for a time or for others. Answers per id whether it had an effect. */
  schedule(ids: readonly string[]): Promise<readonly boolean[]>
  /**
   * Makes resolved, scheduled or blocked tasks pending again, budgets renewed as far as a task may have so many runs; one more is
   * refused. Answers per id whether it had an effect.
   */
  rerun(ids: readonly string[], mostRuns: number): Promise<readonly boolean[]>
  /** Gives unresolved tasks another priority (7 to 1). Answers per id whether it had an effect. */
  prioritize(ids: readonly string[], priority: number): Promise<readonly boolean[]>
}
