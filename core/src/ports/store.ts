/** The Store port: the durable truth of Lovage's own queue. */
import type { Failure, KeyPolicy, RunRecord, Task, TaskState } from '../task.ts'

/** A task to be inserted. The engine has decided everything but what depends on other rows. */
export type NewTask = Pick<
  Task,
  | 'id'
  | 'name'
  | 'queue'
  | 'priority'
  | 'input'
  | 'extras'
  | 'retryLimit'
  | 'lostLimit'
  | 'dueAt'
  | 'deadline'
  | 'key'
  | 'keyUntil'
  | 'createdAt'
> & {
  /** The id was made for it and has never been inserted: nobody needs to look for it among resolved tasks. Default false. */
  readonly isNew?: boolean | undefined
  /** What happens when the key is taken. Only with `key`. */
  readonly keyPolicy?: KeyPolicy | undefined
}

/** What became of one inserted task. */
export type InsertResult =
  | { readonly status: 'inserted'; readonly id: string; readonly state: TaskState }
  /** The id was there with the same content, or the key's policy is `existing`: this task is the answer. */
  | { readonly status: 'existing'; readonly id: string; readonly state: TaskState }
  /** Nothing was inserted: the id stands for other content, or the key is taken (by the task `id`). */
  | { readonly status: 'conflict'; readonly id: string; readonly on: 'id' | 'key' }
  /** Nothing was inserted: a dependency is neither stored nor earlier in the same call. */
  | { readonly status: 'unknown-dependency'; readonly id: string; readonly dependency: string }
  /** Nothing was inserted: another task of an `allOrNone` call was refused. The id is the task's own, whoever holds its key. */
  | { readonly status: 'refused'; readonly id: string }

export interface InsertOptions {
  /** A conflict or an unknown dependency of one task refuses all of them. Default false: each stands for itself. */
  readonly allOrNone?: boolean | undefined
  /** Of the caller's, who commits it or not. Only for a store with the capability `transactions`. */
  readonly transaction?: object | undefined
}

/** What a write set in motion beyond the tasks it named. */
export interface Ripple {
  /** Queues in which tasks became pending, those named in the call included. */
  readonly ready: readonly string[]
  /** The earliest due time among tasks that became scheduled, if any. */
  readonly dueAt?: number | undefined
  /** Tasks that this call resolved without being asked by name: dependents, superseded ones. */
  readonly resolved: readonly ResolvedNotice[]
}

/** A task that a call resolved, with the holder that was running it (its handler must be aborted). */
export interface ResolvedNotice {
  readonly id: string
  readonly name: string
  readonly state: TaskState
  readonly reason?: string | undefined
  readonly holder?: string | undefined
}

export interface InsertReply extends Ripple {
  /** One result per task, in order. */
  readonly results: readonly InsertResult[]
}

/** Who claims, and how much. */
export interface Claimant {
  readonly holder: string
  /** `name@host`, kept with the run. */
  readonly worker: string
  readonly limit: number
}

export interface ClaimRequest extends Claimant {
  readonly queues: readonly string[]
  /** Names that the worker knows; undefined means any. */
  readonly names?: readonly string[] | undefined
  /** Only these tasks, and then the next due time may be left out of the answer; undefined means any. */
  readonly ids?: readonly string[] | undefined
  /** Who claims in the same call: each gets of the line what follows. Only for a store with the capability `sharedClaims`, and without `ids`. */
  readonly others?: readonly Claimant[] | undefined
  /** Epoch milliseconds. */
  readonly now: number
  /** The end of the lease. A store that made the call wait moves it by that time, in whole seconds: the lease keeps its length. */
  readonly until: number
}

export interface ClaimReply {
  /**
   * Now running under the holder, as `decide` has it for `claimed`; highest priority first, then in order of insertion. Those of others
   * that claimed in the same call follow one another in that order.
   */
  readonly tasks: readonly Task[]
  /** When the next scheduled task of these queues is due, always after `now`; undefined when none is. Paused queues do not count. */
  readonly nextDueAt?: number | undefined
}

/** The fields that a transition sets. What is absent stays, what is null is cleared. */
export interface TaskPatch {
  readonly state: TaskState
  readonly reason?: string | null
  readonly retries?: number
  readonly lost?: number
  readonly dueAt?: number | null
  readonly startedAt?: number | null
  /** Given whenever the state is a resolved one. */
  readonly resolvedAt?: number | null
  readonly result?: string | null
  readonly failure?: Failure | null
  /** An ended run to append to `runs`. */
  readonly ended?: RunRecord
  /** 7 to 1, and nothing else beside the state as it is. The task takes its place in line by its age. */
  readonly priority?: number
}

/** One transition, fenced: it applies only while the task is in that state and at that run. */
export interface TaskChange {
  readonly id: string
  readonly from: TaskState
  readonly run: number
  /** And only while its lease ends at that time: what was renewed since it was looked at is not overdue. */
  readonly takenUntil?: number | undefined
  readonly patch: TaskPatch
}

export interface UpdateReply extends Ripple {
  /** One flag per change, in order; false means the task had moved on (or is gone) and nothing was done. */
  readonly applied: readonly boolean[]
}

export interface UpdateOptions {
  /**
   * Of the caller's, who commits it or not; it cannot be committed any more when one of the changes does not apply. Only for a
   * store with the capability `transactions`.
   */
  readonly transaction?: object | undefined
  /**
   * What becomes of changes of tasks that a transaction of somebody else's keeps. By default, the call waits for its end.
   * `pass`: they do not apply, unless it ends in a moment; for unresolved tasks. `aside`: the call waits, and leaves room for others.
   * Without a meaning for a store without the capability `transactions`.
   */
  readonly kept?: 'pass' | 'aside' | undefined
}

/** A run: a task and the number of its attempt. */
export interface RunRef {
  readonly id: string
  readonly run: number
}

/** A run, and who has it. */
export interface HeldRun extends RunRef {
  /** Default: that of the request. */
  readonly holder?: string | undefined
}

export interface RenewRequest {
  readonly holder: string
  /** The new end of the lease, moved like that of a claim; a lease is never moved backwards. */
  readonly until: number
  /** Only the leases of these runs, each of its own holder's, and only they are in the answer. Default: all that the holder has. */
  readonly runs?: readonly HeldRun[] | undefined
}

export interface SweepReply {
  /** Queues in which tasks became pending. */
  readonly ready: readonly string[]
  /** Running tasks whose lease is over and unresolved tasks whose deadline has passed (at `now` or before), at most `limit`. */
  readonly overdue: readonly Task[]
  /** When the next lease, deadline or scheduled task is due, always after `now`; undefined when nothing is. */
  readonly nextAt?: number | undefined
}

export interface TaskQuery {
  readonly ids?: readonly string[]
  readonly states?: readonly TaskState[]
  readonly queue?: string
  readonly name?: string
  readonly holder?: string
  readonly key?: string
  /** Only tasks that this one is a dependency of, satisfied or not. */
  readonly dependency?: string
  /** 1 to 1000, default 100. */
  readonly limit?: number
  /** From the reply before; opaque. */
  readonly cursor?: string
  /** By order of insertion; default `newest`. */
  readonly order?: 'newest' | 'oldest'
}

export interface TaskPage {
  readonly tasks: readonly Task[]
  /** Present when there may be more. */
  readonly cursor?: string | undefined
}

/** How many tasks of one queue are in one state. */
export interface QueueCount {
  readonly queue: string
  readonly state: TaskState
  readonly count: number
  /** `createdAt` of the oldest of them; given for pending tasks. */
  readonly oldestAt?: number | undefined
}

/** One line that a handler wrote. */
export interface LogLine {
  readonly run: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text: string
}

/** Progress and log lines of one run. */
export interface TaskNote {
  readonly id: string
  readonly run: number
  /** JSON text; the last one wins. */
  readonly progress?: string | undefined
  readonly lines?: readonly LogLine[] | undefined
}

export interface PruneRequest {
  /** Remove tasks in this state ... */
  readonly state: TaskState
  /** ... that were resolved, and hold no key any more, before this time (epoch milliseconds). */
  readonly before: number
  /** `task` removes the row with its logs and edges; `result` clears only the result. Default `task`. */
  readonly what?: 'task' | 'result'
  readonly limit: number
}

/** Powers beyond the required ones. A conformance case names those it needs. */
export interface StoreCapabilities {
  /** What is acknowledged survives the process (kill -9). */
  readonly durable: boolean
  /** Several processes may open the same store at once. */
  readonly shared: boolean
  /** Leases go on being renewed for a while when the event loop is blocked. */
  readonly renewsAlone: boolean
  /** How many changes a call should carry where there are many. Default 256. */
  readonly batch?: number | undefined
  /** Several holders may claim in one call. Default false. */
  readonly sharedClaims?: boolean | undefined
  /**
   * Tasks can be inserted and updated in a transaction of the caller's on the same database. Nothing is repeated in it, a refusal leaves it as
   * it was, and what the server says of conflicts between transactions reaches the caller as it is. Default false.
   */
  readonly transactions?: boolean | undefined
}

/**
 * The durable truth. Every call is atomic (all of it or none), may be made concurrently, and takes and gives batches.
 * Times come from the caller. A store refuses with a StoreError: STORE_UNAVAILABLE (retryable), STORE_BUSY (retryable),
 * STORE_FULL (retryable once there is room), STORE_CORRUPT, STORE_CLOSED.
 */
export interface Store {
  readonly name: string
  readonly capabilities: StoreCapabilities
  readonly records: Records

  /**
   * Inserts tasks in order. A task with unsatisfied dependencies becomes `blocked` (or resolves at once as
   * `dependency-failed` by the rule of `dependency.ts`), one with `dueAt` after its `createdAt` `scheduled`, else `pending`.
   * An id that is there is compared by content (name, queue, priority, input, extras), not by time. A key is taken by an
   * unresolved task of that name or, if that has a `keyUntil`, before that time and not after, resolved or not; of several
   * holders (after a rerun) the oldest is the answer. One that is replaced is superseded before the states of dependencies
   * are looked at, or its window ends if it is resolved. In an `allOrNone` call the holder of a key that is the answer to a
   * task stands in for it with the later tasks of the call that depend on it: their `extras.standIns` name it.
   * @conformance insert/*
   */
  insert(tasks: readonly NewTask[], options?: InsertOptions): Promise<InsertReply>

  /**
   * Takes pending tasks for a holder: state running, run + 1, the lease set. Scheduled tasks whose time has come count as
   * pending. Queues that are paused (a record of kind `paused` with the queue as key) give nothing.
   * @conformance claim/*
   */
  claim(request: ClaimRequest): Promise<ClaimReply>

  /**
   * Applies fenced transitions in order. Leaving `running` clears holder and lease. Resolving a task satisfies or fails
   * its dependents by the rule of `dependency.ts`, all the way down, in the same atomic step; what time it is for them is
   * the change's `resolvedAt`. A resolved task that becomes unresolved holds those of its dependents back again that are
   * still `blocked`.
   * @conformance update/*
   */
  update(changes: readonly TaskChange[], options?: UpdateOptions): Promise<UpdateReply>

  /**
   * Moves the leases of a holder forward and answers what it holds in truth: runs missing from the answer are lost to it.
   * @conformance renew/*
   */
  renew(request: RenewRequest): Promise<readonly RunRef[]>

  /** Makes due tasks pending and finds what is overdue. Idempotent. @conformance sweep/* */
  sweep(now: number, limit: number): Promise<SweepReply>

  /** One entry per id, in order. @conformance find/* */
  get(ids: readonly string[]): Promise<readonly (Task | undefined)[]>

  /** @conformance find/* */
  find(query: TaskQuery): Promise<TaskPage>

  /**
   * States without tasks may be absent.
   * @param states what the caller wants to know, all by default: others may be there, or spared the effort
   * @conformance find/*
   */
  counts(states?: readonly TaskState[]): Promise<readonly QueueCount[]>

  /** Keeps progress and log lines; those of a run that is not the task's current one are dropped. @conformance note/* */
  note(notes: readonly TaskNote[]): Promise<void>

  /** The log lines of a task, oldest first. @conformance note/* */
  logs(id: string): Promise<readonly LogLine[]>

  /**
   * Answers how many were removed. Tasks that unresolved tasks depend on stay, with their results; so does one whose key
   * is still taken at `before` (only its result may go): what `keyUntil` promised outlives any retention. A store that forgets
   * whole days at once may remove more than the limit, and keep tasks for up to a day longer.
   * @conformance prune/*
   */
  prune(request: PruneRequest): Promise<number>

  /** Waits for calls under way, then lets go of everything. May be called twice. */
  close(): Promise<void>
}

/** One small document: workers, schedules, paused queues. */
export interface StoredRecord {
  readonly kind: string
  readonly key: string
  /** JSON text. */
  readonly value: string
  /** Grows with every write; 1 at first. */
  readonly version: number
}

export interface RecordWrite {
  readonly kind: string
  readonly key: string
  /** JSON text; null removes. */
  readonly value: string | null
  /** Write only if the record is at this version (0: absent). Undefined writes always. */
  readonly version?: number | undefined
}

/** Small documents with compare-and-set, beside the tasks in the same store. @conformance records/* */
export interface Records {
  read(kind: string, key: string): Promise<StoredRecord | undefined>
  /** All of a kind, by key. */
  list(kind: string): Promise<readonly StoredRecord[]>
  /** All or none: one version that does not match refuses the whole call with false. */
  write(writes: readonly RecordWrite[]): Promise<boolean>
}
