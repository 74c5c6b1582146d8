/** Tasks as rows: the columns in order, and the task made from them. */
import { beginMatters, type Failure, type RunRecord, type Task, type TaskExtras } from '@lovage/core'
import { stateOf } from './state-codes.ts'
import type { Cell } from './verb.ts'

/** The columns of a whole task, in the order that `taskFromRow` reads. */
export const taskColumns = `id, name, queue, priority, state, input, run, retries, retry_limit, lost, lost_limit, blockers, due_at,
  holder, worker, taken_until, created_at, started_at, resolved_at, result, extras, deadline, key, key_until, reason, failure,
  progress, runs`

/**
 * The columns of a claimed task. What all tasks of a claim share is not among them, and what few tasks have at all comes as
 * one JSON text or not at all: every cell has its price, half a million times a second.
 */
export const claimColumns = `id, priority, input, run, retries, retry_limit, lost, lost_limit, created_at,
  iif(coalesce(extras, deadline, key, reason, failure, progress, runs) is null, null,
    json_array(extras, deadline, key, key_until, reason, failure, progress, runs))`

/** How many they are. */
export const claimWidth = 10

/** Extras, deadline, key, end of its window, reason, failure, progress and runs. */
type SeldomCells = readonly Cell[]

/** Makes a task from a row of `taskColumns`. */
export function taskFromRow(row: readonly Cell[]): Task {
  return {
    id: row[0] as string,
    name: row[1] as string,
    queue: row[2] as string,
    priority: row[3] as number,
    state: stateOf(row[4]),
    input: row[5] as string,
    run: row[6] as number,
    retries: row[7] as number,
    retryLimit: number(row[8]),
    lost: row[9] as number,
    lostLimit: row[10] as number,
    blockers: row[11] as number,
    dueAt: number(row[12]),
    holder: text(row[13]),
    worker: text(row[14]),
    takenUntil: number(row[15]),
    createdAt: row[16] as number,
    startedAt: number(row[17]),
    resolvedAt: number(row[18]),
    result: text(row[19]),
    ...seldom(row.slice(20)),
  }
}

/** What all tasks of one claim share. */
export type ClaimFacts = Pick<Task, 'holder' | 'worker' | 'takenUntil' | 'startedAt'>

/** Makes a running task from a row of `claimColumns`. */
export function taskFromClaim(row: readonly Cell[], lane: Pick<Task, 'queue' | 'name'>, facts: ClaimFacts): Task {
  return {
    id: row[0] as string,
    name: lane.name,
    queue: lane.queue,
    priority: row[1] as number,
    state: 'running',
    input: row[2] as string,
    run: row[3] as number,
    retries: row[4] as number,
    retryLimit: number(row[5]),
    lost: row[6] as number,
    lostLimit: row[7] as number,
    blockers: 0,
    dueAt: undefined,
    holder: facts.holder,
    worker: facts.worker,
    takenUntil: facts.takenUntil,
    createdAt: row[8] as number,
    startedAt: beginMatters({ lost: row[6] as number, lostLimit: row[7] as number }) ? undefined : facts.startedAt,
    resolvedAt: undefined,
    result: undefined,
    ...seldom(row[9] === null ? [] : (JSON.parse(row[9] as string) as SeldomCells)),
  }
}

function seldom(
  cells: SeldomCells,
): Pick<Task, 'extras' | 'deadline' | 'key' | 'keyUntil' | 'reason' | 'failure' | 'progress' | 'runs'> {
  const [extras, deadline, key, keyUntil, reason, failure, progress, runs] = cells
  return {
    extras: parsed<TaskExtras>(extras),
    deadline: number(deadline),
    key: text(key),
    keyUntil: number(keyUntil),
    reason: text(reason),
    failure: parsed<Failure>(failure),
    progress: text(progress),
    runs: typeof runs === 'string' ? (JSON.parse(`[${runs}]`) as RunRecord[]) : [],
  }
}

function text(cell: Cell | undefined): string | undefined {
  return (cell as string | null) ?? undefined
}

function number(cell: Cell | undefined): number | undefined {
  return (cell as number | null) ?? undefined
}

function parsed<Value>(cell: Cell | undefined): Value | undefined {
  return typeof cell === 'string' ? (JSON.parse(cell) as Value) : undefined
}
