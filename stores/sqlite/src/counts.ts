/** Counts: how many tasks of each queue are in each state, from the partial indexes alone. */
import type { DatabaseSync } from 'node:sqlite'
import type { TaskState } from '@lovage/core'
import { firstResolvedCode, stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Queue, state, count and, for pending tasks, the oldest's creation. */
export type CountsAnswer = readonly (readonly Cell[])[]

const indexes: readonly (readonly [TaskState, string])[] = [
  ['blocked', 'blocked'],
  ['scheduled', 'scheduled'],
  ['running', 'running'],
  ['completed', 'resolved'],
  ['failed', 'resolved'],
  ['exception', 'resolved'],
]

/** Prepares the verb. */
export function countsVerb(db: DatabaseSync): Verb<undefined, CountsAnswer> {
  const pending = rows(
    db,
    `select queue, state, count(*), min(created_at) from task indexed by ready where state = ${stateCodes.pending} group by queue`,
  )
  const others = indexes.map(([state, index]) => {
    // Said twice: SQLite does not conclude from the first that the partial index holds all such rows.
    const where = `where state = ${stateCodes[state]}${index === 'resolved' ? ` and state >= ${firstResolvedCode}` : ''}`
    return rows(db, `select queue, state, count(*), null from task indexed by ${index} ${where} group by queue`)
  })
  return {
    writes: 'read',
    durable: false,
    run: () => [pending, ...others].flatMap((statement) => statement.all() as unknown as Cell[][]),
  }
}
