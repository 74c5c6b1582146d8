/** Note: progress and log lines of the current run, and reading them back. */
import type { LogLine, TaskNote } from '@lovage/core'
import { frozenCopy } from './row.ts'
import type { Table } from './table.ts'

export function noteRuns(table: Table, notes: readonly TaskNote[]): void {
  for (const { id, run, progress, lines } of notes) {
    const row = table.row(id)
    if (row === undefined || row.task.run !== run) continue
    if (progress !== undefined) table.amend(row, { progress })
    if (lines === undefined) continue
    row.lines ??= []
    for (const line of lines) row.lines.push(frozenCopy(line))
  }
}

export function logLines(table: Table, id: string): readonly LogLine[] {
  return [...(table.row(id)?.lines ?? [])]
}
