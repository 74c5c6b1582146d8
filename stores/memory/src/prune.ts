/** Prune: forgets resolved tasks, or only their results. */
import type { PruneRequest } from '@lovage/core'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

export function pruneTasks(table: Table, request: PruneRequest): number {
  const victims: Row[] = []
  for (const row of table.ledger.after(0)) {
    if (victims.length >= request.limit) break
    if (!isOver(row, request)) continue
    if (request.what === 'result' || !table.keys.isHeldBy(row, request.before)) victims.push(row)
  }
  for (const row of victims) {
    if (request.what === 'result') table.amend(row, { result: undefined })
    else table.remove(row)
  }
  return victims.length
}

function isOver(row: Row, { state, before, what }: PruneRequest): boolean {
  const { task } = row
  if (task.state !== state || task.resolvedAt === undefined || task.resolvedAt >= before) return false
  if (row.neededBy !== undefined && row.neededBy.size > 0) return false
  return what !== 'result' || task.result !== undefined
}
