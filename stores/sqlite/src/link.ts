/** Links a new task to the tasks it depends on. */
import type { DatabaseSync } from 'node:sqlite'
import { awaitedTasks, dependencyVerdict, isResolved, type TaskExtras } from '@lovage/core'
import { stateOf } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/** What the dependencies of a new task mean for it; `state` is absent when they leave the choice to its due time. */
export interface Link {
  readonly state: 'blocked' | 'exception' | undefined
  readonly edges: readonly { readonly required: number; readonly satisfied: boolean }[]
}

export interface Linker {
  look(extras: TaskExtras): Link | { readonly unknown: string }
  /** Writes the edges of a task that was inserted in the state that `look` gave. */
  keep(id: string, link: Link, extras: TaskExtras, now: number): void
}

/** Prepares the statements. */
export function linker(db: DatabaseSync): Linker {
  const find = rows(db, 'select seq, state from task where id = ?')
  const flag = db.prepare('update task set dependents = 1 where seq = ? and dependents = 0')
  const edge = db.prepare('insert into edge (required, dependent, satisfied, requires, on_failure) values (?, ?, ?, ?, ?)')
  const block = db.prepare('update task set blockers = ? where seq = ?')
  const fail = db.prepare("update task set reason = 'dependency-failed', resolved_at = ? where seq = ?")
  return {
    look(extras) {
      const { requires, onDependencyFailure } = extras
      const edges: { required: number; satisfied: boolean }[] = []
      let failed = false
      for (const dependency of new Set(awaitedTasks(extras))) {
        const row = find.get(dependency) as unknown as Cell[] | undefined
        if (row === undefined) return { unknown: dependency }
        const [required, state] = [row[0] as number, stateOf(row[1])]
        const verdict = isResolved(state) ? dependencyVerdict(state, requires, onDependencyFailure) : 'waiting'
        failed ||= verdict === 'failed'
        edges.push({ required, satisfied: verdict === 'satisfied' })
      }
      const blocked = edges.some(({ satisfied }) => !satisfied)
      return { edges, state: failed ? 'exception' : blocked ? 'blocked' : undefined }
    },
    keep(id, { edges, state }, { requires, onDependencyFailure }, now) {
      if (edges.length === 0) return
      const [seq] = find.get(id) as unknown as [number]
      for (const { required, satisfied } of edges) {
        edge.run(required, seq, satisfied ? 1 : 0, requires ?? null, onDependencyFailure ?? null)
        flag.run(required)
      }
      if (state === 'blocked') block.run(edges.filter(({ satisfied }) => !satisfied).length, seq)
      if (state === 'exception') fail.run(now, seq)
    },
  }
}
