/** Update: fenced transitions, in order, with all that follows from them. */
import type { DatabaseSync } from 'node:sqlite'
import { isResolved, type Ripple, type TaskState } from '@lovage/core'
import type { Spread } from './dependents.ts'
import { changeWidth, type PatchWriter, resolvedAtOf } from './patch.ts'
import { RippleLog } from './ripple.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Changes as `encodeChange` writes them. */
export type UpdatePayload = readonly Cell[]
/** The places (in order of the changes) of those that did not apply. */
export type UpdateAnswer = readonly [missed: readonly number[], ripple: Ripple]

/** Prepares the verb. */
export function updateVerb(db: DatabaseSync, patches: PatchWriter, spread: Spread): Verb<UpdatePayload, UpdateAnswer> {
  const createdAt = rows(db, 'select created_at from task where seq = ?')

  const change = (cells: readonly Cell[], at: number, ripple: RippleLog): boolean => {
    const to = cells[at + 3] as TaskState
    if (isResolved(to) && patches.resolveLeaf(cells, at)) return true
    const applied = patches.apply(cells, at)
    if (applied === undefined) return false
    if (to === 'pending') ripple.ready(applied.queue)
    if (to === 'scheduled' && applied.dueAt !== undefined) ripple.due(applied.dueAt)
    if (isResolved(to) && applied.hasDependents) {
      const now = resolvedAtOf(cells, at) ?? (createdAt.get(applied.seq) as unknown as [number])[0]
      spread({ seq: applied.seq, state: to, at: now }, ripple)
    }
    return true
  }

  return {
    writes: 'write',
    durable: true,
    run(cells) {
      const ripple = new RippleLog()
      const missed: number[] = []
      for (let at = 0, index = 0; at < cells.length; at += changeWidth(cells, at), index++) {
        if (!change(cells, at, ripple)) missed.push(index)
      }
      return [missed, ripple.end()]
    },
  }
}
