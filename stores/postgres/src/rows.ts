/** Tasks as rows: the columns in order, and the task made from them. */
import { beginMatters, type Failure, type RunRecord, type Task, type TaskExtras } from '@lovage/core'
import type { Cell, Row } from './database.ts'
import { stateOf } from './state-codes.ts'

/** The columns that a task has as long as it lives and afterwards. */
const common = `seq, id, name, queue, priority, state, reason, input, extras, run, retries, retry_limit, lost, lost_limit, blockers,
  due_at, deadline, key, key_until, worker, created_at, started_at, failure, progress, runs`

/** The columns of an unresolved task, in the order that `taskFromRow` reads. */
export const liveColumns = `${common}, holder, taken_until, resolved_at, result`
/** The same of a resolved one. */
export const pastColumns = `${common}, null::text as holder, null::bigint as taken_until, resolved_at, result`

/** Makes a task from a row of `liveColumns` or `pastColumns`. */
export function taskFromRow(row: Row): Task {
  return {
    id: row[1] as string,
    name: row[2] as string,
    queue: row[3] as string,
    priority: row[4] as number,
    state: stateOf(row[5]),
    reason: text(row[6]),
    input: row[7] as string,
    extras: parsed<TaskExtras>(row[8]),
    run: row[9] as number,
    retries: row[10] as number,
    retryLimit: number(row[11]),
    lost: row[12] as number,
    lostLimit: row[13] as number,
    blockers: row[14] as number,
    dueAt: number(row[15]),
    deadline: number(row[16]),
    key: text(row[17]),
    keyUntil: number(row[18]),
    worker: text(row[19]),
    createdAt: row[20] as number,
    startedAt: number(row[21]),
    failure: parsed<Failure>(row[22]),
    progress: text(row[23]),
    runs: typeof row[24] === 'string' ? (JSON.parse(`[${row[24]}]`) as RunRecord[]) : [],
    holder: text(row[25]),
    takenUntil: number(row[26]),
    resolvedAt: number(row[27]),
    result: text(row[28]),
  }
}

/** The columns of a claimed task. */
export const claimedColumns =
  'seq, id, name, queue, priority, input, run, retries, retry_limit, lost, lost_limit, created_at, rare, place'

/** Where two of them stand that are not the task's own. */
export const [rareColumn, placeColumn] = [12, 13]

/** What all tasks of one claim share. */
export type ClaimFacts = Pick<Task, 'holder' | 'worker' | 'takenUntil' | 'startedAt'>

/** Makes a running task from a row of `claimedColumns`. */
export function taskFromClaim(row: Row, { holder, worker, takenUntil, startedAt }: ClaimFacts): Task {
  const lost = row[9] as number
  const lostLimit = row[10] as number
  const [extras, deadline, key, keyUntil, reason, failure, progress, runs, resolvedAt, result] =
    row[rareColumn] === null ? [] : (JSON.parse(row[rareColumn] as string) as Cell[])
  return {
    id: row[1] as string,
    name: row[2] as string,
    queue: row[3] as string,
    priority: row[4] as number,
    state: 'running',
    reason: text(reason),
    input: row[5] as string,
    extras: parsed<TaskExtras>(extras),
    run: row[6] as number,
    retries: row[7] as number,
    retryLimit: number(row[8]),
    lost,
    lostLimit,
    blockers: 0,
    dueAt: undefined,
    deadline: number(deadline),
    key: text(key),
    keyUntil: number(keyUntil),
    worker,
    createdAt: row[11] as number,
    startedAt: beginMatters({ lost, lostLimit }) ? undefined : startedAt,
    failure: parsed<Failure>(failure),
    progress: text(progress),
    runs: typeof runs === 'string' ? (JSON.parse(`[${runs}]`) as RunRecord[]) : [],
    holder,
    takenUntil,
    resolvedAt: number(resolvedAt),
    result: text(result),
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
