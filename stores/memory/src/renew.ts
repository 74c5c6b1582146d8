/** Renew: leases move forward, and the holder learns what it still holds. */
import type { RenewRequest, RunRef } from '@lovage/core'
import type { Table } from './table.ts'

export function renewLeases(table: Table, { holder, until, runs }: RenewRequest): readonly RunRef[] {
  const held = [...table.heldBy(holder)]
  const rows =
    runs === undefined ? held : held.filter(({ task }) => runs.some(({ id, run }) => id === task.id && run === task.run))
  return rows.map((row) => {
    const { task } = row
    if (row.lease !== undefined && (task.takenUntil ?? 0) < until) {
      table.leases.move(row.lease, until)
      table.amend(row, { takenUntil: until })
    }
    return { id: task.id, run: task.run }
  })
}
