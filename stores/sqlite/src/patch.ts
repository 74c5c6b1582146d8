/** Fenced transitions as cells, and the statements that apply them: one per shape. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TaskChange, TaskPatch } from '@lovage/core'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/** The optional fields of a patch. `ended` is appended to the runs, the others are set. */
const fields: readonly (readonly [field: keyof TaskPatch, column: string])[] = [
  ['reason', 'reason'],
  ['retries', 'retries'],
  ['lost', 'lost'],
  ['dueAt', 'due_at'],
  ['startedAt', 'started_at'],
  ['resolvedAt', 'resolved_at'],
  ['result', 'result'],
  ['failure', 'failure'],
  ['ended', 'runs'],
  ['priority', 'priority'],
]

/**
 * A change is the number of its shape, the id, the run, and one cell per field that is set to a value. The shape holds the
 * states it goes from and to (three bits each), which fields it sets, and which of those it clears (one bit per field), and
 * whether the end of the lease is the last cell, to be compared.
 */
const [toShift, setShift, clearShift, leaseBit] = [3, 6, 6 + fields.length, 6 + 2 * fields.length]
const resolvedAtBit = fields.findIndex(([field]) => field === 'resolvedAt')

/** Appends a change to a message. */
export function encodeChange(change: TaskChange, out: Cell[]): void {
  const { patch } = change
  const start = out.push(0, change.id, change.run) - 3
  let shape = stateCodes[change.from] | (stateCodes[patch.state] << toShift)
  for (let bit = 0; bit < fields.length; bit++) {
    const value = patch[(fields[bit] as (typeof fields)[number])[0]]
    if (value === undefined) continue
    if (value === null) shape |= 1 << (clearShift + bit)
    else {
      shape |= 1 << (setShift + bit)
      out.push(typeof value === 'object' ? JSON.stringify(value) : value)
    }
  }
  if (change.takenUntil !== undefined) {
    shape |= 1 << leaseBit
    out.push(change.takenUntil)
  }
  out[start] = shape
}

/** The row that a change was applied to, as far as what follows from it needs. */
export interface Applied {
  readonly seq: number
  readonly queue: string
  readonly dueAt: number | undefined
  readonly hasDependents: boolean
}

/** What a shape means, and its statements. */
export interface PatchShape {
  /** The code of the state that it applies to. */
  readonly from: number
  /** The code of the state that the task is in afterwards. */
  readonly to: number
  /** How many cells a change of this shape takes. */
  readonly width: number
  /** The place of `resolvedAt` in it. Only for changes to a resolved state, which always set it. */
  readonly resolvedAt: number
  /** For a task without dependents, by far the most common: true if it was applied. */
  applyToLeaf(cells: readonly Cell[], at: number): boolean
  /** For any task; undefined when it had moved on. */
  apply(cells: readonly Cell[], at: number): Applied | undefined
}

/** Gives the shape of the change at a place. */
export type PatchShapes = (cells: readonly Cell[], at: number) => PatchShape

/** Prepares statements as their shapes are first met. */
export function patchShapes(db: DatabaseSync): PatchShapes {
  const known = new Map<number, PatchShape>()
  return (cells, at) => {
    const number = cells[at] as number
    let shape = known.get(number)
    if (shape === undefined) {
      shape = prepareShape(db, number)
      known.set(number, shape)
    }
    return shape
  }
}

function prepareShape(db: DatabaseSync, shape: number): PatchShape {
  const isSet = (bit: number): boolean => ((shape >> (setShift + bit)) & 1) === 1
  const placeOf = (bit: number): number => 3 + fields.slice(0, bit).filter((_, before) => isSet(before)).length
  const comparesLease = ((shape >> leaseBit) & 1) === 1
  const width = placeOf(fields.length) + (comparesLease ? 1 : 0)
  const sql = `${updateSql(shape, isSet, placeOf)}${comparesLease ? ` and taken_until = ?${width - 1}` : ''}`
  const lazily = (prepare: () => StatementSync): (() => StatementSync) => {
    let statement: StatementSync | undefined
    return () => {
      statement ??= prepare()
      return statement
    }
  }
  const leaf = lazily(() => db.prepare(`${sql} and dependents = 0`))
  const any = lazily(() => rows(db, `${sql} returning seq, queue, due_at, dependents`))
  return {
    from: shape & 7,
    to: (shape >> toShift) & 7,
    width,
    resolvedAt: placeOf(resolvedAtBit),
    applyToLeaf: (cells, at) => leaf().run(...cells.slice(at + 1, at + width)).changes === 1,
    apply(cells, at) {
      const row = any().get(...cells.slice(at + 1, at + width)) as unknown as Cell[] | undefined
      if (row === undefined) return undefined
      const [seq, queue, dueAt, dependents] = row
      return {
        seq: seq as number,
        queue: queue as string,
        dueAt: (dueAt as number | null) ?? undefined,
        hasDependents: dependents === 1,
      }
    },
  }
}

/** The parameters are the cells after the shape: the id is the first, the run the second. */
function updateSql(shape: number, isSet: (bit: number) => boolean, placeOf: (bit: number) => number): string {
  const [from, to] = [shape & 7, (shape >> toShift) & 7]
  const sets = [`state = ${to}`]
  for (const [bit, [field, column]] of fields.entries()) {
    if (((shape >> (clearShift + bit)) & 1) === 1) sets.push(`${column} = null`)
    else if (isSet(bit)) sets.push(`${column} = ${field === 'ended' ? "coalesce(runs || ',', '') || " : ''}?${placeOf(bit)}`)
  }
  if (from === stateCodes.running && to !== from) sets.push('holder = null', 'taken_until = null')
  if (from === stateCodes.blocked && to !== from) sets.push('blockers = 0')
  return `update task set ${sets.join(', ')} where id = ?1 and state = ${from} and run = ?2`
}
