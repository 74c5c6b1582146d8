/** Renew: leases move forward, and the holder learns what it still holds. */
import type { RenewRequest, RunRef } from '@lovage/core'
import type { Table } from './table.ts'

export function renewLeases(table: Table, { holder, until }: RenewRequest): readonly RunRef[] {
  return [...table.heldBy(holder)].map((row) => {
    const { task } = row
    if (row.lease !== undefined && (task.takenUntil ?? 0) < until) {
      table.leases.move(row.lease, until)
      table.amend(row, { takenUntil: until })
    }
    return { id: task.id, run: task.run }
  })
}
