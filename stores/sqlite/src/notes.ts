/** Notes: progress and log lines of the current run, and reading them back. */
import type { DatabaseSync } from 'node:sqlite'
import type { TaskNote } from '@lovage/core'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Prepares the verb `note`. */
export function noteVerb(db: DatabaseSync): Verb<readonly TaskNote[], undefined> {
  const current = rows(db, 'select seq from task where id = ? and run = ?')
  const progressed = db.prepare('update task set progress = ? where seq = ?')
  const wrote = db.prepare('insert into log (task, run, at, level, text) values (?, ?, ?, ?, ?)')
  return {
    writes: (notes) => notes.length > 0,
    // What a run said of its way is not worth a wait for the disk; its outcome is.
    durable: false,
    run(notes) {
      for (const { id, run, progress, lines = [] } of notes) {
        const row = current.get(id, run) as unknown as [number] | undefined
        if (row === undefined) continue
        if (progress !== undefined) progressed.run(progress, row[0])
        for (const line of lines) wrote.run(row[0], line.run, line.at, line.level, line.text)
      }
      return undefined
    },
  }
}

/** Prepares the verb `logs`. Its rows are run, time, level and text. */
export function logsVerb(db: DatabaseSync): Verb<string, readonly (readonly Cell[])[]> {
  const lines = rows(
    db,
    'select log.run, log.at, log.level, log.text from task join log on log.task = task.seq where task.id = ? order by log.seq',
  )
  return { writes: 'read', durable: false, run: (id) => lines.all(id) as unknown as Cell[][] }
}
