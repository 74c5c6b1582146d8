/** Tasks as rows: the columns in order, and the task made from them. */
import type { Failure, RunRecord, Task, TaskExtras } from '@lovage/core'
import { stateOf } from './state-codes.ts'
import type { Cell } from './verb.ts'

/** The columns of a whole task, in the order that `taskFromRow` reads. */
export const taskColumns = [
  'id',
  'name',
  'queue',
  'priority',
  'input',
  'extras',
  'run',
  'retries',
  'retry_limit',
  'lost',
  'lost_limit',
  'deadline',
  'key',
  'key_until',
  'created_at',
  'reason',
  'failure',
  'progress',
  'runs',
  // A claim knows the rest by itself and does not send it.
  'state',
  'blockers',
  'due_at',
  'holder',
  'worker',
  'taken_until',
  'started_at',
  'resolved_at',
  'result',
] as const

/** How many of the columns a claim answers. */
export const claimedWidth = taskColumns.indexOf('state')

/** Makes a task from a row of all columns. */
export function taskFromRow(row: readonly Cell[]): Task {
  return {
    ...taskFromClaim(row, {
      holder: text(row[22]),
      worker: text(row[23]),
      takenUntil: number(row[24]),
      startedAt: number(row[25]),
    }),
    state: stateOf(row[19]),
    blockers: row[20] as number,
    dueAt: number(row[21]),
    resolvedAt: number(row[26]),
    result: text(row[27]),
  }
}

/** What all tasks of one claim have in common. */
export type ClaimFacts = Pick<Task, 'holder' | 'worker' | 'takenUntil' | 'startedAt'>

/** Makes a running task from the columns that a claim answers. */
export function taskFromClaim(row: readonly Cell[], facts: ClaimFacts): Task {
  return {
    id: row[0] as string,
    name: row[1] as string,
    queue: row[2] as string,
    priority: row[3] as number,
    state: 'running',
    reason: text(row[15]),
    input: row[4] as string,
    extras: parsed<TaskExtras>(row[5]),
    run: row[6] as number,
    retries: row[7] as number,
    retryLimit: number(row[8]),
    lost: row[9] as number,
    lostLimit: row[10] as number,
    blockers: 0,
    dueAt: undefined,
    deadline: number(row[11]),
    key: text(row[12]),
    keyUntil: number(row[13]),
    holder: facts.holder,
    worker: facts.worker,
    takenUntil: facts.takenUntil,
    createdAt: row[14] as number,
    startedAt: facts.startedAt,
    resolvedAt: undefined,
    result: undefined,
    failure: parsed<Failure>(row[16]),
    progress: text(row[17]),
    runs: typeof row[18] === 'string' ? (JSON.parse(`[${row[18]}]`) as RunRecord[]) : [],
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
