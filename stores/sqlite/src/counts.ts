/** Counts: how many tasks of each queue are in each state, from the partial indexes alone. */
import type { DatabaseSync } from 'node:sqlite'
import type { TaskState } from '@lovage/core'
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
    "select queue, 'pending', count(*), min(created_at) from task indexed by ready where state = 'pending' group by queue",
  )
  const others = indexes.map(([state, index]) => {
    const partial = index === 'resolved' ? ' and resolved_at is not null' : ''
    const where = `where state = '${state}'${partial}`
    return rows(db, `select queue, '${state}', count(*), null from task indexed by ${index} ${where} group by queue`)
  })
  return {
    writes: 'read',
    durable: false,
    run: () => [pending, ...others].flatMap((statement) => statement.all() as unknown as Cell[][]),
  }
}
