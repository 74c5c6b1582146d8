/** Renew: leases move forward, and the holder learns what it still holds. */
import type { RenewRequest, RunRef } from '@lovage/core'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

export function renewLeases(table: Table, request: RenewRequest): readonly RunRef[] {
  const held = request.runs === undefined ? [...table.heldBy(request.holder)] : heldOf(table, request.holder, request.runs)
  return held.map((row) => {
    const { task } = row
    if (row.lease !== undefined && (task.takenUntil ?? 0) < request.until) {
      table.leases.move(row.lease, request.until)
      table.amend(row, { takenUntil: request.until })
    }
    return { id: task.id, run: task.run }
  })
}

function heldOf(table: Table, holder: string, runs: readonly RunRef[]): readonly Row[] {
  return runs.flatMap(({ id, run }) => {
    const row = table.row(id)
    return row !== undefined && row.task.holder === holder && row.task.run === run ? [row] : []
  })
}
