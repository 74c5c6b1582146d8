/** What a resolved task does to the tasks behind it, all the way down. */
import type { DatabaseSync } from 'node:sqlite'
import {
  decide,
  dependencyVerdict,
  isResolved,
  type OnDependencyFailure,
  type Requires,
  type ResolvedState,
  type TaskChange,
  type TaskPatch,
  type TaskState,
} from '@lovage/core'
import { encodeChange, type PatchShapes } from './patch.ts'
import type { RippleLog } from './ripple.ts'
import { stateCodes, stateOf } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/** A task that a call resolved. */
export interface Resolution {
  readonly seq: number
  readonly state: ResolvedState
  readonly at: number
}

/** Satisfies or fails what depends on the resolved task, and what depends on that. */
export type Spread = (resolution: Resolution, ripple: RippleLog) => void

/** Makes what a task had satisfied, and still waits for others, wait for that task again. */
export type HoldBack = (seq: number) => void

/** A dependent that has not yet heard of its dependency. */
interface Waiting {
  readonly seq: number
  readonly requires: Requires | undefined
  readonly onDependencyFailure: OnDependencyFailure | undefined
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly state: TaskState
  readonly run: number
  readonly blockers: number
  readonly dueAt: number | undefined
}

const waitingSql = `select t.seq, e.requires, e.on_failure, t.id, t.name, t.queue, t.state, t.run, t.blockers, t.due_at
  from edge e join task t on t.seq = e.dependent where e.required = ? and e.satisfied = 0`

/** Prepares the spreading. */
export function dependentsSpread(db: DatabaseSync, patches: PatchShapes): Spread {
  const waiting = rows(db, waitingSql)
  const satisfy = db.prepare('update edge set satisfied = 1 where required = ? and dependent = ?')
  const unblockOne = db.prepare('update task set blockers = blockers - 1 where seq = ?')

  const transition = (task: Waiting, patch: TaskPatch) => {
    const cells: Cell[] = []
    encodeChange({ id: task.id, from: task.state, run: task.run, patch } satisfies TaskChange, cells)
    return patches(cells, 0).apply(cells, 0)
  }

  /** Answers the resolution of the dependent, if that is what happened to it. */
  const meet = (required: Resolution, task: Waiting, ripple: RippleLog): Resolution | undefined => {
    const verdict = dependencyVerdict(required.state, task.requires, task.onDependencyFailure)
    if (verdict === 'waiting') return undefined
    if (verdict === 'satisfied') satisfy.run(required.seq, task.seq)
    if (task.state !== 'blocked') return undefined
    if (verdict === 'satisfied' && task.blockers > 1) {
      unblockOne.run(task.seq)
      return undefined
    }
    const event = verdict === 'failed' ? 'dependency-failed' : 'unblocked'
    const decision = decide(factsOf(task), { type: event }, required.at)
    if (!decision.ok) return undefined
    const { patch } = decision
    const applied = transition(task, patch)
    if (patch.state === 'pending') ripple.ready(task.queue)
    if (patch.state === 'scheduled' && task.dueAt !== undefined) ripple.due(task.dueAt)
    if (!isResolved(patch.state)) return undefined
    ripple.resolved({ id: task.id, name: task.name, state: patch.state, reason: patch.reason ?? undefined })
    return applied?.hasDependents ? { seq: task.seq, state: patch.state, at: required.at } : undefined
  }

  return (resolution, ripple) => {
    const open = [resolution]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const row of waiting.all(next.seq) as unknown as Cell[][]) {
        const further = meet(next, waitingFrom(row), ripple)
        if (further !== undefined) open.push(further)
      }
    }
  }
}

/** Prepares the statements for a task that is to run again. */
export function dependentsHoldBack(db: DatabaseSync): HoldBack {
  const satisfied = rows(
    db,
    `select t.seq from edge e join task t on t.seq = e.dependent
      where e.required = ? and e.satisfied = 1 and t.state = ${stateCodes.blocked}`,
  )
  const reopen = db.prepare('update edge set satisfied = 0 where required = ? and dependent = ?')
  const blockOne = db.prepare('update task set blockers = blockers + 1 where seq = ?')
  return (required) => {
    for (const [dependent] of satisfied.all(required) as unknown as [number][]) {
      reopen.run(required, dependent)
      blockOne.run(dependent)
    }
  }
}

function waitingFrom(row: readonly Cell[]): Waiting {
  return {
    seq: row[0] as number,
    requires: (row[1] as Requires | null) ?? undefined,
    onDependencyFailure: (row[2] as OnDependencyFailure | null) ?? undefined,
    id: row[3] as string,
    name: row[4] as string,
    queue: row[5] as string,
    state: stateOf(row[6]),
    run: row[7] as number,
    blockers: row[8] as number,
    dueAt: (row[9] as number | null) ?? undefined,
  }
}

/** The budgets play no part in what dependencies decide. */
function factsOf(task: Waiting): Parameters<typeof decide>[0] {
  return { state: task.state, run: task.run, dueAt: task.dueAt, retries: 0, lost: 0, lostLimit: 0 }
}
