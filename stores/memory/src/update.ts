/** Update: fenced transitions, in order, with all that follows from them. */
import type { TaskChange, UpdateReply } from '@lovage/core'
import { RippleLog, transition } from './ripple.ts'
import type { Table } from './table.ts'

export function updateTasks(table: Table, changes: readonly TaskChange[]): UpdateReply {
  const log = new RippleLog()
  const applied = changes.map(({ id, from, run, takenUntil, patch }) => {
    const row = table.row(id)
    if (row === undefined || row.task.state !== from || row.task.run !== run) return false
    if (takenUntil !== undefined && row.task.takenUntil !== takenUntil) return false
    transition(table, row, patch, log)
    return true
  })
  return { applied, ...log.ripple() }
}
