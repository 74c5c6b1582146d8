/**
 * The life of a task: the table of legal transitions and the pure decision on top of it.
 *
 *   blocked --> scheduled --> pending --> running --> completed | failed | exception
 *      |            |            |    <--   |
 *      +------------+------------+--> exception (cancelled, deadline, superseded, dependency-failed)
 *
 * `docs/task-life.md` shows the same table; a test compares them.
 */
import type { TaskPatch } from './ports/store.ts'
import { type ExceptionReason, type Failure, isResolved, type RunRecord, type Task, type TaskState } from './task.ts'

/** What can happen to a task. */
export type TaskEvent =
  | { readonly type: 'unblocked' }
  | { readonly type: 'dependency-failed' }
  | { readonly type: 'due' }
  | { readonly type: 'claimed' }
  | { readonly type: 'begun' }
  | { readonly type: 'completed'; readonly startedAt: number; readonly result: string }
  | { readonly type: 'failed'; readonly startedAt: number; readonly failure: Failure; readonly reason?: string | undefined }
  | {
      readonly type: 'retried'
      readonly startedAt: number
      readonly delayMs: number
      /** The limit of the worker's definition; the sender's stands above it. */
      readonly limit: number
      readonly failure?: Failure | undefined
      /** Kept when no retry is left. */
      readonly reason?: string | undefined
    }
  | {
      readonly type: 'released'
      readonly startedAt?: number | undefined
      readonly delayMs?: number | undefined
      /** What kept it from running. */
      readonly failure?: Failure | undefined
    }
  | {
      readonly type: 'rejected'
      readonly startedAt: number
      readonly reason: ExceptionReason
      readonly failure?: Failure | undefined
    }
  /** The worker is gone (`lost`), its lease is over (`expired`), or it says that another one may fare better (`intermittent`). */
  | { readonly type: 'lost'; readonly how: Loss }
  | { readonly type: 'cancelled'; readonly message?: string | undefined }
  | { readonly type: 'deadline' }
  | { readonly type: 'superseded' }
  /** Refused where it would be one run too many; the budget of lost workers is renewed only as far as `mostRuns` has room for. */
  | { readonly type: 'rerun'; readonly mostRuns?: number | undefined }

/** How a run came to nothing through no verdict of its handler. */
export type Loss = 'lost' | 'expired' | 'intermittent'

export type TaskEventType = TaskEvent['type']

export interface Transition {
  readonly event: TaskEventType
  readonly from: readonly TaskState[]
  readonly to: readonly TaskState[]
  /** What it means, for the page in docs. */
  readonly meaning: string
}

/**
 * Whether the store must know that a run begins before it does. Workers hold more tasks than they run, and a worker that
 * vanishes would spend the lost budget of all of them. The first loss is counted for whatever it held; from then on, and where
 * the budget is no larger than that, a run that had not begun costs nothing.
 */
export function beginMatters({ lost, lostLimit }: Pick<Task, 'lost' | 'lostLimit'>): boolean {
  return lost > 0 || lostLimit < 2
}

/** The code of the failure where the last of the lost runs ended with its lease. */
export const leaseExpired = 'LEASE_EXPIRED'

const unresolved = ['blocked', 'scheduled', 'pending', 'running'] as const

/** Every legal transition. Whatever is not here is refused. */
export const transitions: readonly Transition[] = [
  { event: 'unblocked', from: ['blocked'], to: ['scheduled', 'pending'], meaning: 'the last dependency is satisfied' },
  { event: 'dependency-failed', from: ['blocked'], to: ['exception'], meaning: 'a dependency did not complete' },
  { event: 'due', from: ['scheduled'], to: ['pending'], meaning: 'its time has come' },
  { event: 'claimed', from: ['pending'], to: ['running'], meaning: 'a worker takes it; the run number grows' },
  {
    event: 'begun',
    from: ['running'],
    to: ['running'],
    meaning: 'its handler begins; told where a loss would be counted only then',
  },
  { event: 'completed', from: ['running'], to: ['completed'], meaning: 'the handler returned' },
  { event: 'failed', from: ['running'], to: ['failed'], meaning: 'the handler threw and no retry is left or wanted' },
  {
    event: 'retried',
    from: ['running'],
    to: ['scheduled', 'pending', 'failed'],
    meaning: 'the handler threw and is tried again, if `retries` allows',
  },
  { event: 'released', from: ['running'], to: ['scheduled', 'pending'], meaning: 'the worker gives it back; costs nothing' },
  { event: 'rejected', from: ['running'], to: ['exception'], meaning: 'it cannot be run, for example for its payload' },
  {
    event: 'lost',
    from: ['running'],
    to: ['pending', 'exception'],
    meaning: 'the worker vanished, its lease ended or it could not; tried again, if `lostLimit` allows',
  },
  { event: 'cancelled', from: unresolved, to: ['exception'], meaning: 'someone asked that it does not run' },
  { event: 'deadline', from: unresolved, to: ['exception'], meaning: 'its deadline passed' },
  { event: 'superseded', from: unresolved, to: ['exception'], meaning: 'a task with the same key replaced it' },
  {
    event: 'rerun',
    from: ['blocked', 'scheduled', 'completed', 'failed', 'exception'],
    to: ['pending'],
    meaning: 'someone asked for it, its deadline being ahead; both budgets are renewed',
  },
]

/** The parts of a task that a decision looks at. */
export type TaskFacts = Pick<Task, 'state' | 'run' | 'retries' | 'retryLimit' | 'lost' | 'lostLimit' | 'dueAt'> &
  Partial<Pick<Task, 'deadline' | 'worker' | 'startedAt' | 'resolvedAt' | 'reason' | 'failure' | 'runs'>>

export type Decision =
  | { readonly ok: true; readonly patch: TaskPatch }
  /** The event is not legal in this state, or has no point any more; nothing happens. */
  | { readonly ok: false; readonly refusal: string }

const bySource = new Map<string, Transition>(transitions.flatMap((t) => t.from.map((from) => [`${from} ${t.event}`, t])))

/** Gives the transition for an event in a state, or undefined when there is none. */
export function transitionFor(state: TaskState, event: TaskEventType): Transition | undefined {
  return bySource.get(`${state} ${event}`)
}

/** Decides what an event does to a task. Pure: the same facts, event and time give the same answer. */
export function decide(task: TaskFacts, event: TaskEvent, now: number): Decision {
  if (transitionFor(task.state, event.type) === undefined) {
    const sources = transitions.find(({ event: type }) => type === event.type)?.from ?? []
    return { ok: false, refusal: `expected the task to be ${oneOf(sources)} for \`${event.type}\`, got: ${task.state}` }
  }
  if (event.type === 'rerun' && task.deadline !== undefined && task.deadline <= now) {
    return { ok: false, refusal: `expected the deadline to be ahead for \`rerun\`, got: passed ${now - task.deadline} ms ago` }
  }
  if (event.type === 'rerun' && runsLeft(task, event) < 0) {
    return { ok: false, refusal: `expected fewer than ${event.mostRuns} runs for \`rerun\`, got: ${task.run + 1}` }
  }
  return { ok: true, patch: patchFor(task, event, now) }
}

/** How many runs there may be after the one that a rerun asks for. */
function runsLeft({ run }: TaskFacts, { mostRuns = Number.POSITIVE_INFINITY }: TaskEvent & { type: 'rerun' }): number {
  return mostRuns - (run + 2)
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function patchFor(task: TaskFacts, event: TaskEvent, now: number): TaskPatch {
  switch (event.type) {
    case 'unblocked':
      return task.dueAt !== undefined && task.dueAt > now ? { state: 'scheduled' } : { state: 'pending', dueAt: null }
    case 'due':
      return { state: 'pending', dueAt: null }
    case 'claimed':
      return { state: 'running', startedAt: beginMatters(task) ? null : now }
    case 'begun':
      return { state: 'running', startedAt: now }
    case 'completed':
      return { state: 'completed', result: event.result, startedAt: event.startedAt, resolvedAt: now, failure: null }
    case 'failed':
      return {
        state: 'failed',
        reason: event.reason ?? null,
        failure: event.failure,
        startedAt: event.startedAt,
        resolvedAt: now,
      }
    case 'retried':
      return retried(task, event, now)
    case 'released':
      return { ...waiting(now, event.delayMs), ...releasedRun(task, event, now) }
    case 'lost':
      return lost(task, event.how, now)
    case 'rejected':
      return {
        ...exception(event.reason, now),
        startedAt: event.startedAt,
        ...(event.failure === undefined ? {} : { failure: event.failure }),
      }
    case 'cancelled':
      return {
        ...exception('cancelled', now),
        ...unrecordedRelease(task, now),
        ...(event.message === undefined ? {} : { failure: { name: 'Cancelled', message: event.message } }),
      }
    case 'deadline':
      return { ...exception('deadline-exceeded', now), ...unrecordedRelease(task, now) }
    case 'superseded':
    case 'dependency-failed':
      return exception(event.type, now)
    case 'rerun':
      return rerun(task, event, now)
  }
}

function retried(task: TaskFacts, event: TaskEvent & { type: 'retried' }, now: number): TaskPatch {
  const limit = task.retryLimit ?? event.limit
  if (task.retries >= limit) {
    const failure = event.failure ?? { name: 'Error', message: 'a retry was asked for, but none is left' }
    return { state: 'failed', reason: event.reason ?? null, failure, startedAt: event.startedAt, resolvedAt: now }
  }
  return {
    ...waiting(now, event.delayMs),
    retries: task.retries + 1,
    ended: ended(task, 'retried', event.startedAt, now, event.failure),
  }
}

/** A release costs nothing and may come again and again: one like the last is not recorded once more. */
function releasedRun(
  task: TaskFacts,
  { startedAt, failure }: TaskEvent & { type: 'released' },
  now: number,
): Pick<TaskPatch, 'ended'> {
  if (startedAt === undefined && failure === undefined) return {}
  const last = task.runs?.at(-1)
  const isSame = last?.outcome === 'released' && last.worker === (task.worker ?? '') && last.failure?.message === failure?.message
  return isSame ? {} : { ended: ended(task, 'released', startedAt ?? now, now, failure) }
}

/** The last run of a task that waits is over: recorded now at the latest, it is not taken for the one that what happens next ends. */
function unrecordedRelease(task: TaskFacts, now: number): Pick<TaskPatch, 'ended'> {
  if (task.state === 'running' || task.run < 0 || task.runs === undefined || task.runs.at(-1)?.run === task.run) return {}
  const at = task.startedAt ?? now
  return { ended: ended(task, 'released', at, at) }
}

function lost(task: TaskFacts, how: Loss, now: number): TaskPatch {
  if (task.startedAt === undefined && beginMatters(task)) return waiting(now)
  if (task.lost >= task.lostLimit) {
    const message = `${task.lost + 1} workers were lost while running it (lostLimit ${task.lostLimit})`
    const failure = { name: 'WorkerLost', message, ...(how === 'expired' ? { code: leaseExpired } : {}) }
    return { ...exception(how === 'intermittent' ? 'intermittent-task' : 'worker-lost', now), failure }
  }
  return {
    ...waiting(now, 0),
    lost: task.lost + 1,
    ended: ended(task, how === 'intermittent' ? 'retried' : how, task.startedAt ?? now, now),
  }
}

function rerun(task: TaskFacts, event: TaskEvent & { type: 'rerun' }, now: number): TaskPatch {
  return {
    state: 'pending',
    reason: null,
    retries: 0,
    lost: Math.max(0, task.lostLimit - runsLeft(task, event)),
    dueAt: null,
    result: null,
    failure: null,
    resolvedAt: null,
    ...unrecordedRun(task, now),
  }
}

/** The last run of a resolved task stands on the task itself; asked for again, it moves to the ended ones, once. */
function unrecordedRun(task: TaskFacts, now: number): Pick<TaskPatch, 'ended'> {
  if (!isResolved(task.state) || task.run < 0 || task.runs?.at(-1)?.run === task.run) return {}
  const endedAt = task.resolvedAt ?? now
  const record = ended(task, outcomeOf(task), task.startedAt ?? endedAt, endedAt, task.failure)
  return { ended: task.state === 'exception' && task.reason !== undefined ? { ...record, reason: task.reason } : record }
}

function outcomeOf({ state, reason, failure }: TaskFacts): RunRecord['outcome'] {
  if (state === 'completed' || state === 'failed') return state
  switch (reason) {
    case 'worker-lost':
      return failure?.code === leaseExpired ? 'expired' : 'lost'
    case 'intermittent-task':
      return 'retried'
    case 'malformed-payload':
    case 'resource-unavailable':
    case 'internal-error':
      return 'rejected'
    default:
      return 'cancelled'
  }
}

function waiting(now: number, delayMs = 0): TaskPatch {
  return delayMs > 0 ? { state: 'scheduled', dueAt: now + delayMs } : { state: 'pending', dueAt: null }
}

function exception(reason: ExceptionReason, now: number): TaskPatch {
  return { state: 'exception', reason, resolvedAt: now }
}

function ended(task: TaskFacts, outcome: RunRecord['outcome'], startedAt: number, endedAt: number, failure?: Failure): RunRecord {
  return {
    run: task.run,
    worker: task.worker ?? '',
    startedAt,
    endedAt,
    outcome,
    ...(failure === undefined ? {} : { failure }),
  }
}
