/**
 * The status of a task as the HTTP queue and its events tell it: a pure view of the task, in the words of the Taskcluster
 * queue. @see https://docs.taskcluster.net/docs/reference/platform/queue/api#status
 */
import { splitQueue, splitWorker } from './http-task.ts'
import { isoTime } from './instant.ts'
import { type Failure, isResolved, type PriorityName, priorityName, type RunRecord, type Task } from './task.ts'
import { leaseExpired } from './transitions.ts'

export type RunState = 'pending' | 'running' | 'completed' | 'failed' | 'exception'
export type ReasonCreated = 'scheduled' | 'retry' | 'task-retry' | 'rerun' | 'exception'

/** Times are ISO texts. */
export interface RunStatus {
  /** From 0. */
  readonly runId: number
  readonly state: RunState
  readonly reasonCreated: ReasonCreated
  readonly reasonResolved?: string
  readonly workerGroup?: string
  readonly workerId?: string
  /** Only of the run in progress. */
  readonly takenUntil?: string
  readonly scheduled: string
  readonly started?: string
  readonly resolved?: string
}

/** Times are ISO texts. */
export interface TaskStatus {
  readonly taskId: string
  readonly provisionerId: string
  readonly workerType: string
  /** The queue's name. */
  readonly taskQueueId: string
  readonly schedulerId: string
  readonly projectId: string
  /** A native task belongs to the group of its flow, else to one of its own. */
  readonly taskGroupId: string
  readonly priority: PriorityName
  /** A year after its creation for a task that has none. */
  readonly deadline: string
  /** A year after the deadline for a native task; how long it is really kept is the queue's retention. */
  readonly expires: string
  /** Workers that may still be lost, or give up, before the task does. */
  readonly retriesLeft: number
  readonly state: 'unscheduled' | RunState
  /** In order, without gaps. */
  readonly runs: readonly RunStatus[]
}

const year = 365 * 86_400_000

/** Tells the status of a task: its state is that of its last run, and without runs it is `unscheduled`. */
export function taskStatus(task: Task): TaskStatus {
  const { http, flow } = task.extras ?? {}
  const deadline = task.deadline ?? task.createdAt + year
  const runs = runsOf(task)
  return {
    taskId: task.id,
    ...splitQueue(task.queue),
    taskQueueId: task.queue,
    schedulerId: http?.schedulerId ?? '-',
    projectId: http?.projectId ?? 'none',
    taskGroupId: http?.taskGroupId ?? flow ?? task.id,
    priority: priorityName(task.priority),
    deadline: isoTime(deadline),
    expires: http?.expires ?? isoTime(deadline + year),
    retriesLeft: Math.max(0, task.lostLimit - task.lost),
    state: runs.at(-1)?.state ?? 'unscheduled',
    runs,
  }
}

function runsOf(task: Task): RunStatus[] {
  const records = new Map(task.runs.map((record) => [record.run, record]))
  const isOpen = !isResolved(task.state) && task.state !== 'running'
  // A task that was resolved between two runs, or before the first: the run that was to come is the one that ended.
  const endedWaiting = task.state === 'exception' && (task.run < 0 || records.has(task.run))
  const past = isOpen || endedWaiting ? task.run + 1 : task.run
  const runs = Array.from({ length: past }, (_, run) => pastRun(task, run, records))
  const begun = { runId: past, reasonCreated: reasonCreated(past, records), scheduled: scheduledAt(task, past, records) }
  if (isOpen) return task.state === 'pending' || past > 0 ? [...runs, { ...begun, state: 'pending' }] : runs
  if (endedWaiting) return [...runs, { ...begun, ...(past === 0 && wasUnscheduled(task) ? never : {}), ...resolution(task) }]
  const work = { ...workerOf(task.worker), ...timeOf('started', task.startedAt) }
  if (task.state !== 'running') return [...runs, { ...begun, ...work, ...resolution(task) }]
  return [...runs, { ...begun, state: 'running', ...work, ...timeOf('takenUntil', task.takenUntil) }]
}

const never = { reasonCreated: 'exception' } as const

function wasUnscheduled({ dueAt, extras, reason }: Task): boolean {
  return dueAt !== undefined || reason === 'dependency-failed' || (extras?.dependencies?.length ?? 0) > 0
}

function resolution(task: Task): Pick<RunStatus, 'state' | 'reasonResolved' | 'resolved'> {
  const state = task.state as 'completed' | 'failed' | 'exception'
  const reasonResolved = state === 'exception' ? wordFor(task.reason, task.failure) : state
  return { state, reasonResolved, ...timeOf('resolved', task.resolvedAt) }
}

/** A run that was given back before it began leaves no record: it is told as one that its worker gave up. */
function pastRun(task: Task, run: number, records: ReadonlyMap<number, RunRecord>): RunStatus {
  const record = records.get(run)
  const scheduled = scheduledAt(task, run, records)
  const begun = { runId: run, reasonCreated: reasonCreated(run, records), scheduled }
  if (record === undefined) return { ...begun, state: 'exception', reasonResolved: 'worker-shutdown', resolved: scheduled }
  const { outcome, worker, startedAt, endedAt } = record
  const verdict = outcome === 'completed' || outcome === 'failed' ? outcome : undefined
  return {
    ...begun,
    state: verdict ?? 'exception',
    reasonResolved: verdict ?? (record.reason === undefined ? reasons[outcome] : wordFor(record.reason, record.failure)),
    ...workerOf(worker),
    started: isoTime(startedAt),
    resolved: isoTime(endedAt),
  }
}

const reasons: Readonly<Record<RunRecord['outcome'], string>> = {
  completed: 'completed',
  failed: 'failed',
  retried: 'intermittent-task',
  released: 'worker-shutdown',
  rejected: 'malformed-payload',
  cancelled: 'canceled',
  lost: 'worker-shutdown',
  expired: 'claim-expired',
}

function wordFor(reason: string | undefined, failure: Failure | undefined): string {
  if (reason === 'worker-lost') return failure?.code === leaseExpired ? 'claim-expired' : 'worker-shutdown'
  return reason === undefined || reason === 'cancelled' || reason === 'dependency-failed' ? 'canceled' : reason
}

function reasonCreated(run: number, records: ReadonlyMap<number, RunRecord>): ReasonCreated {
  if (run === 0) return 'scheduled'
  const before = records.get(run - 1)
  if (before === undefined) return 'retry'
  if (before.reason !== undefined) return 'rerun'
  if (before.outcome === 'retried') return 'task-retry'
  return before.outcome === 'lost' || before.outcome === 'expired' || before.outcome === 'released' ? 'retry' : 'rerun'
}

function scheduledAt(task: Task, run: number, records: ReadonlyMap<number, RunRecord>): string {
  for (let before = run - 1; before >= 0; before--) {
    const record = records.get(before)
    if (record !== undefined) return isoTime(record.endedAt)
  }
  return isoTime(task.createdAt)
}

function workerOf(worker: string | undefined): Pick<RunStatus, 'workerGroup' | 'workerId'> {
  return worker === undefined || worker === '' ? {} : splitWorker(worker)
}

function timeOf<Name extends 'started' | 'resolved' | 'takenUntil'>(
  name: Name,
  time: number | undefined,
): Partial<Record<Name, string>> {
  return time === undefined ? {} : ({ [name]: isoTime(time) } as Partial<Record<Name, string>>)
}
