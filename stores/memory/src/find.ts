/** Find: pages of tasks in order of insertion, from a cursor that inserts do not disturb. */
import { awaitedTasks, ConfigError, type TaskPage, type TaskQuery } from '@lovage/core'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

export function findTasks(table: Table, query: TaskQuery): TaskPage {
  const limit = Math.min(1000, Math.max(1, query.limit ?? 100))
  const newest = query.order !== 'oldest'
  const start = query.cursor === undefined ? (newest ? Number.POSITIVE_INFINITY : 0) : seqOf(query.cursor)
  const wanted = matcher(query)
  const rows: Row[] = []
  for (const row of candidates(table, query, start, newest)) {
    if (!wanted(row)) continue
    if (rows.length === limit) return { tasks: rows.map(({ task }) => task), cursor: String(rows.at(-1)?.seq) }
    rows.push(row)
  }
  return { tasks: rows.map(({ task }) => task) }
}

function seqOf(cursor: string): number {
  if (/^\d+$/.test(cursor)) return Number(cursor)
  throw new ConfigError('OPTION_INVALID', `expected \`cursor\` to be from the reply before, got: ${JSON.stringify(cursor)}`)
}

/** The rows past the cursor, from the smallest index that holds them all. */
function candidates(table: Table, query: TaskQuery, start: number, newest: boolean): Iterable<Row> {
  const few =
    query.ids !== undefined
      ? [...new Set(query.ids)].map((id) => table.row(id)).filter((row) => row !== undefined)
      : query.holder !== undefined
        ? [...table.heldBy(query.holder)]
        : undefined
  if (few === undefined) return newest ? table.ledger.before(start) : table.ledger.after(start)
  if (newest) return few.filter((row) => row.seq < start).sort((a, b) => b.seq - a.seq)
  return few.filter((row) => row.seq > start).sort((a, b) => a.seq - b.seq)
}

function matcher(query: TaskQuery): (row: Row) => boolean {
  const states = query.states === undefined ? undefined : new Set(query.states)
  return ({ task }) =>
    (states === undefined || states.has(task.state)) &&
    (query.queue === undefined || task.queue === query.queue) &&
    (query.name === undefined || task.name === query.name) &&
    (query.holder === undefined || task.holder === query.holder) &&
    (query.key === undefined || task.key === query.key) &&
    (query.dependency === undefined || awaitedTasks(task.extras).includes(query.dependency))
}
