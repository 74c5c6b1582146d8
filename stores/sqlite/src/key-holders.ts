/** Unique keys: who holds one, and how it is handed on. */
import type { DatabaseSync } from 'node:sqlite'
import { decide, isResolved, type TaskState } from '@lovage/core'
import type { Spread } from './dependents.ts'
import { encodeChange, type PatchShapes } from './patch.ts'
import type { RippleLog } from './ripple.ts'
import { firstResolvedCode, stateOf } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/** A task that holds a key. */
export interface KeyHolder {
  readonly seq: number
  readonly id: string
  readonly name: string
  readonly state: TaskState
  readonly run: number
  readonly holder: string | undefined
}

export interface KeyHolders {
  /** Oldest first; more than one only after a rerun. */
  of(name: string, key: string, now: number): readonly KeyHolder[]
  /** Ends the task as superseded, or if it is over already ends its window. */
  supersede(holder: KeyHolder, now: number, ripple: RippleLog): void
}

// Two index ranges: tasks without a window hold their key while unresolved, those with one until it closes.
const holdersSql = `
  select seq, id, name, state, run, holder from task indexed by key where key = ?1 and name = ?2 and key_until is null
    and state < ${firstResolvedCode}
  union all
  select seq, id, name, state, run, holder from task indexed by key where key = ?1 and name = ?2 and key_until > ?3
    and reason is not 'superseded'
  order by seq`

/** Prepares the look-ups. */
export function keyHolders(db: DatabaseSync, patches: PatchShapes, spread: Spread): KeyHolders {
  const holders = rows(db, holdersSql)
  const closeWindow = db.prepare('update task set key_until = ? where seq = ?')
  return {
    of(name, key, now) {
      return (holders.all(key, name, now) as unknown as Cell[][]).map((row) => ({
        seq: row[0] as number,
        id: row[1] as string,
        name: row[2] as string,
        state: stateOf(row[3]),
        run: row[4] as number,
        holder: (row[5] as string | null) ?? undefined,
      }))
    },
    supersede(task, now, ripple) {
      const { seq, id, name, state, run, holder } = task
      const decision = decide({ state, run, retries: 0, lost: 0, lostLimit: 0 }, { type: 'superseded' }, now)
      if (!decision.ok) {
        closeWindow.run(now, seq)
        return
      }
      const { patch } = decision
      const cells: Cell[] = []
      encodeChange({ id, from: state, run, patch }, cells)
      const applied = patches(cells, 0).apply(cells, 0)
      ripple.resolved({ id, name, state: patch.state, reason: patch.reason ?? undefined, holder })
      if (applied?.hasDependents && isResolved(patch.state)) spread({ seq, state: patch.state, at: now }, ripple)
    },
  }
}
