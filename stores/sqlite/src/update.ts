/** Update: fenced transitions, in order, with all that follows from them. */
import type { DatabaseSync } from 'node:sqlite'
import { isResolved, type Ripple } from '@lovage/core'
import { dependentsHoldBack, type Spread } from './dependents.ts'
import type { PatchShape, PatchShapes } from './patch.ts'
import { RippleLog } from './ripple.ts'
import { firstResolvedCode, stateCodes, stateOf } from './state-codes.ts'
import type { Cell, Verb } from './verb.ts'

/** Changes as `encodeChange` writes them. */
export type UpdatePayload = readonly Cell[]
/** The places (in order of the changes) of those that did not apply. */
export type UpdateAnswer = readonly [missed: readonly number[], ripple: Ripple]

/** Prepares the verb. */
export function updateVerb(db: DatabaseSync, patches: PatchShapes, spread: Spread): Verb<UpdatePayload, UpdateAnswer> {
  const holdBack = dependentsHoldBack(db)

  const change = (shape: PatchShape, cells: readonly Cell[], at: number, ripple: RippleLog): boolean => {
    if (shape.to >= firstResolvedCode && shape.applyToLeaf(cells, at)) return true
    const applied = shape.apply(cells, at)
    if (applied === undefined) return false
    if (shape.to === stateCodes.pending) ripple.ready(applied.queue)
    if (shape.to === stateCodes.scheduled && applied.dueAt !== undefined) ripple.due(applied.dueAt)
    const state = stateOf(shape.to)
    if (shape.from >= firstResolvedCode && !isResolved(state) && applied.hasDependents) holdBack(applied.seq)
    if (isResolved(state) && applied.hasDependents) {
      spread({ seq: applied.seq, state, at: cells[at + shape.resolvedAt] as number }, ripple)
    }
    return true
  }

  return {
    writes: 'write',
    durable: true,
    run(cells) {
      const ripple = new RippleLog()
      const missed: number[] = []
      for (let at = 0, index = 0; at < cells.length; index++) {
        const shape = patches(cells, at)
        if (!change(shape, cells, at, ripple)) missed.push(index)
        at += shape.width
      }
      return [missed, ripple.end()]
    },
  }
}
