/** Fenced transitions as cells, and the statements that apply them: one per combination of fields. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TaskChange, TaskPatch, TaskState } from '@lovage/core'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/** The optional fields of a patch, by bit. `ended` is appended to the runs, the others are set. */
const fields: readonly (readonly [keyof TaskPatch, string])[] = [
  ['reason', 'reason = ?'],
  ['retries', 'retries = ?'],
  ['lost', 'lost = ?'],
  ['dueAt', 'due_at = ?'],
  ['startedAt', 'started_at = ?'],
  ['resolvedAt', 'resolved_at = ?'],
  ['result', 'result = ?'],
  ['failure', 'failure = ?'],
  ['ended', "runs = coalesce(runs || ',', '') || ?"],
]
const resolvedAtBit = 1 << fields.findIndex(([field]) => field === 'resolvedAt')

/** Appends a change to a message: id, from, run, to, mask of the fields present, and their values. */
export function encodeChange(change: TaskChange, out: Cell[]): void {
  const { patch } = change
  const head = out.push(change.id, change.from, change.run, patch.state, 0) - 1
  let mask = 0
  for (let bit = 0; bit < fields.length; bit++) {
    const value = patch[(fields[bit] as (typeof fields)[number])[0]]
    if (value === undefined) continue
    mask |= 1 << bit
    out.push(typeof value === 'object' && value !== null ? JSON.stringify(value) : value)
  }
  out[head] = mask
}

/** How many cells the change at this place takes. */
export function changeWidth(cells: readonly Cell[], at: number): number {
  let width = 5
  for (let mask = cells[at + 4] as number; mask > 0; mask >>= 1) width += mask & 1
  return width
}

/** When the change says the task was resolved. */
export function resolvedAtOf(cells: readonly Cell[], at: number): number | undefined {
  const mask = cells[at + 4] as number
  if ((mask & resolvedAtBit) === 0) return undefined
  let place = at + 5
  for (let rest = mask & (resolvedAtBit - 1); rest > 0; rest >>= 1) place += rest & 1
  return cells[place] as number
}

/** The row that a change was applied to, as far as what follows from it needs. */
export interface Applied {
  readonly seq: number
  readonly queue: string
  readonly dueAt: number | undefined
  readonly hasDependents: boolean
}

/** Applies encoded changes. */
export interface PatchWriter {
  /** For a resolving change of a task without dependents, by far the most common: true if it was applied. */
  resolveLeaf(cells: readonly Cell[], at: number): boolean
  /** Any change; undefined when the task had moved on. */
  apply(cells: readonly Cell[], at: number): Applied | undefined
}

/** Prepares the statements as they are first needed. */
export function patchWriter(db: DatabaseSync): PatchWriter {
  const leaf = new Map<string, StatementSync>()
  const any = new Map<string, StatementSync>()
  return {
    resolveLeaf(cells, at) {
      const key = shapeOf(cells, at)
      const sql = () => db.prepare(`${updateSql(cells, at)} and dependents = 0`)
      return remembered(leaf, key, sql).run(...parameters(cells, at)).changes === 1
    },
    apply(cells, at) {
      const key = shapeOf(cells, at)
      const sql = () => rows(db, `${updateSql(cells, at)} returning seq, queue, due_at, dependents`)
      const row = remembered(any, key, sql).get(...parameters(cells, at)) as unknown as Cell[] | undefined
      if (row === undefined) return undefined
      return {
        seq: row[0] as number,
        queue: row[1] as string,
        dueAt: (row[2] as number | null) ?? undefined,
        hasDependents: row[3] === 1,
      }
    },
  }
}

function remembered(cache: Map<string, StatementSync>, key: string, prepare: () => StatementSync): StatementSync {
  const known = cache.get(key)
  if (known !== undefined) return known
  const statement = prepare()
  cache.set(key, statement)
  return statement
}

function shapeOf(cells: readonly Cell[], at: number): string {
  return `${cells[at + 1]} ${cells[at + 3]} ${cells[at + 4]}`
}

function updateSql(cells: readonly Cell[], at: number): string {
  const [from, to, mask] = [cells[at + 1] as TaskState, cells[at + 3] as TaskState, cells[at + 4] as number]
  const sets = ['state = ?', ...fields.filter((_, bit) => (mask >> bit) & 1).map(([, set]) => set)]
  if (from === 'running' && to !== 'running') sets.push('holder = null', 'taken_until = null')
  if (from === 'blocked' && to !== 'blocked') sets.push('blockers = 0')
  return `update task set ${sets.join(', ')} where id = ? and state = ? and run = ?`
}

function parameters(cells: readonly Cell[], at: number): Cell[] {
  const values = cells.slice(at + 4, at + changeWidth(cells, at))
  values[0] = cells[at + 3] as Cell
  values.push(cells[at] as Cell, cells[at + 1] as Cell, cells[at + 2] as Cell)
  return values
}
