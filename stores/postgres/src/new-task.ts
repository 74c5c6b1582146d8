/** New tasks as columns: how many of them travel in one statement. */
import type { NewTask, TaskExtras } from '@lovage/core'
import { arrayText } from './array-text.ts'
import type { Value } from './database.ts'
import { stateCodes } from './state-codes.ts'

/** A task that is to be inserted, with what was decided about it. */
export interface PlacedTask {
  readonly task: NewTask
  readonly extras: TaskExtras | undefined
  readonly state: number
  readonly blockers: number
  readonly dueAt: number | undefined
}

/** The state of a task without dependencies. */
export function startState(dueAt: number | undefined, createdAt: number): 'scheduled' | 'pending' {
  return dueAt !== undefined && dueAt > createdAt ? 'scheduled' : 'pending'
}

/** Places a task that neither key nor dependency has a say in. */
export function placedPlain(task: NewTask): PlacedTask {
  const state = startState(task.dueAt, task.createdAt)
  const dueAt = state === 'scheduled' ? task.dueAt : undefined
  return { task, extras: task.extras, state: stateCodes[state], blockers: 0, dueAt }
}

/** The most that a column of counts holds: nobody lives to see so many retries. */
const mostCount = 2_147_483_647

function countFrom(limit: number | undefined): number | undefined {
  return limit !== undefined && limit > mostCount ? mostCount : limit
}

/** The parameters of `insertSql`: one array for each column. */
export function insertValues(tasks: readonly PlacedTask[]): Value[] {
  const column = (cell: (placed: PlacedTask) => string | number | undefined): Value => arrayText(tasks.map(cell))
  return [
    column(({ task }) => task.id),
    column(({ task }) => task.name),
    column(({ task }) => task.queue),
    column(({ task }) => task.priority),
    column(({ state }) => state),
    column(({ task }) => task.input),
    column(({ extras }) => (extras === undefined ? undefined : JSON.stringify(extras))),
    column(({ task }) => countFrom(task.retryLimit)),
    column(({ task }) => countFrom(task.lostLimit)),
    column(({ blockers }) => blockers),
    column(({ dueAt }) => dueAt),
    column(({ task }) => task.deadline),
    column(({ task }) => task.key),
    column(({ task }) => task.keyUntil),
    column(({ task }) => task.createdAt),
  ]
}
