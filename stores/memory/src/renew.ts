/** Renew: leases move forward, and the holder learns what it still holds. */
import type { HeldRun, RenewRequest, RunRef } from '@lovage/core'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

export function renewLeases(table: Table, { holder, until, runs }: RenewRequest): readonly RunRef[] {
  const rows = runs === undefined ? [...table.heldBy(holder)] : named(table, holder, runs)
  return rows.map((row) => {
    const { task } = row
    if (row.lease !== undefined && (task.takenUntil ?? 0) < until) {
      table.leases.move(row.lease, until)
      table.amend(row, { takenUntil: until })
    }
    return { id: task.id, run: task.run }
  })
}

function named(table: Table, holder: string, runs: readonly HeldRun[]): readonly Row[] {
  return runs.flatMap((held) => {
    const row = table.row(held.id)
    const isHeld = row?.task.state === 'running' && row.task.run === held.run && row.task.holder === (held.holder ?? holder)
    return isHeld ? [row] : []
  })
}
