/** Insert: ids compared by content, keys by policy, dependencies by their state. */
import type { DatabaseSync } from 'node:sqlite'
import type { InsertResult, Ripple, TaskExtras } from '@lovage/core'
import type { Spread } from './dependents.ts'
import { keyHolders } from './key-holders.ts'
import { type Link, linker } from './link.ts'
import { newTaskWidth } from './new-task.ts'
import type { PatchShapes } from './patch.ts'
import { RippleLog } from './ripple.ts'
import { sameJson } from './same-json.ts'
import { stateCodes, stateOf } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Tasks as `encodeNewTask` writes them. */
export type InsertPayload = readonly [allOrNone: boolean, cells: readonly Cell[]]
/** The results, or null when every task was inserted in the state that its due time gives it. */
export type InsertAnswer = readonly [results: readonly InsertResult[] | null, ripple: Ripple]

const insertSql = `insert into task (id, name, queue, priority, state, input, extras, retry_limit, lost_limit, due_at, deadline,
  key, key_until, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`

/** Prepares the verb. */
export function insertVerb(db: DatabaseSync, patches: PatchShapes, spread: Spread): Verb<InsertPayload, InsertAnswer> {
  const shelf = taskShelf(db)
  const special = specialInsert(db, shelf, { patches, spread })

  /** A task with neither key nor dependencies: undefined when it was inserted as it stands. */
  const plain = (cells: readonly Cell[], at: number, ripple: RippleLog): InsertResult | undefined => {
    if (!shelf.add(cells, at)) return shelf.known(cells, at)
    noteState(cells[at + 4] as number, cells, at, ripple)
    return undefined
  }

  const insertAll = (cells: readonly Cell[], standIns?: StandIns): InsertAnswer => {
    const ripple = new RippleLog()
    let results: InsertResult[] | null = null
    for (let at = 0; at < cells.length; at += newTaskWidth) {
      const result = cells[at + 14] === null ? plain(cells, at, ripple) : special(cells, at, ripple, standIns)
      if (standIns !== undefined) noteAnswer(cells[at] as string, result, standIns)
      if (result === undefined && results === null) continue
      results ??= plainResults(cells, at)
      results.push(result ?? plainResult(cells, at))
    }
    return [results, ripple.end()]
  }

  return {
    writes: 'write',
    durable: true,
    run([allOrNone, cells]) {
      if (!allOrNone) return insertAll(cells)
      db.exec('savepoint batch')
      const answer = insertAll(cells, new Map())
      const whole = answer[0]?.every(({ status }) => status === 'inserted' || status === 'existing') ?? true
      db.exec(whole ? 'release batch' : 'rollback to batch; release batch')
      return whole
        ? answer
        : [
            answer[0]?.map((result, index) => refused(result, cells[index * newTaskWidth] as string)) ?? null,
            new RippleLog().end(),
          ]
    },
  }
}

interface TaskShelf {
  /** Inserts the row; false when the id is there already. */
  add(cells: readonly Cell[], at: number): boolean
  /** What an id that is there already means for a task; undefined when it is not there. */
  known(cells: readonly Cell[], at: number): InsertResult | undefined
}

function taskShelf(db: DatabaseSync): TaskShelf {
  const insert = db.prepare(insertSql)
  const stored = rows(db, 'select state, name, queue, priority, input, extras from task where id = ?')
  return {
    add: (cells, at) => insert.run(...cells.slice(at, at + newTaskWidth - 1)).changes === 1,
    known(cells, at) {
      const id = cells[at] as string
      const row = stored.get(id) as unknown as Cell[] | undefined
      if (row === undefined) return undefined
      if (!sameContent(row, cells, at)) return { status: 'conflict', id, on: 'id' }
      return { status: 'existing', id, state: stateOf(row[0]) }
    },
  }
}

/** The tasks that were the answers to keys, by the ids of those that were not inserted for them. */
type StandIns = Map<string, string>
type SpecialInsert = (cells: readonly Cell[], at: number, ripple: RippleLog, standIns: StandIns | undefined) => InsertResult

function noteAnswer(id: string, result: InsertResult | undefined, standIns: StandIns): void {
  if (result?.status === 'existing' && result.id !== id) standIns.set(id, result.id)
  else standIns.delete(id)
}

/** Inserts tasks that have a key or dependencies. */
function specialInsert(
  db: DatabaseSync,
  shelf: TaskShelf,
  { patches, spread }: { readonly patches: PatchShapes; readonly spread: Spread },
): SpecialInsert {
  const keys = keyHolders(db, patches, spread)
  const links = linker(db)
  return (cells, at, ripple, standIns) => {
    const id = cells[at] as string
    const same = shelf.known(cells, at)
    if (same !== undefined) return same
    const row = cells.slice(at, at + newTaskWidth)
    const extras = extrasOf(row, standIns)
    const [key, now, policy] = [row[11] as string | null, row[13] as number, row[14]]
    const holders = key === null ? [] : keys.of(row[1] as string, key, now)
    const [holder] = holders
    if (holder !== undefined && policy === 'reject') return { status: 'conflict', id: holder.id, on: 'key' }
    if (holder !== undefined && policy === 'existing') return { status: 'existing', id: holder.id, state: holder.state }
    const seen = links.look(extras)
    if ('unknown' in seen) return { status: 'unknown-dependency', id, dependency: seen.unknown }
    for (const each of holders) keys.supersede(each, now, ripple)
    // What it waits for may have ended with what it replaces.
    const link = holder === undefined ? seen : (links.look(extras) as Link)
    const code = link.state === undefined ? (row[4] as number) : stateCodes[link.state]
    row[4] = code
    if (code === stateCodes.pending) row[9] = null
    shelf.add(row, 0)
    links.keep(id, link, extras, now)
    noteState(code, cells, at, ripple)
    return { status: 'inserted', id, state: stateOf(code) }
  }
}

/** The extras of a row, in which the stand-ins of dependencies come to be noted. */
function extrasOf(row: Cell[], standIns: StandIns | undefined): TaskExtras {
  if (row[6] === null) return {}
  const extras = JSON.parse(row[6] as string) as TaskExtras
  const found = new Set(extras.dependencies?.filter((id) => standIns?.has(id)))
  if (found.size === 0) return extras
  const noted = { ...extras, standIns: Object.fromEntries([...found].map((id) => [id, standIns?.get(id) ?? id])) }
  row[6] = JSON.stringify(noted)
  return noted
}

function noteState(code: number, cells: readonly Cell[], at: number, ripple: RippleLog): void {
  if (code === stateCodes.pending) ripple.ready(cells[at + 2] as string)
  if (code === stateCodes.scheduled) ripple.due(cells[at + 9] as number)
}

function plainResults(cells: readonly Cell[], end: number): InsertResult[] {
  const results: InsertResult[] = []
  for (let at = 0; at < end; at += newTaskWidth) results.push(plainResult(cells, at))
  return results
}

function plainResult(cells: readonly Cell[], at: number): InsertResult {
  return { status: 'inserted', id: cells[at] as string, state: stateOf(cells[at + 4]) }
}

function refused(result: InsertResult, id: string): InsertResult {
  return result.status === 'inserted' || result.status === 'existing' ? { status: 'refused', id } : result
}

function sameContent(row: readonly Cell[], cells: readonly Cell[], at: number): boolean {
  const [, name, queue, priority, input, extras] = row
  const same = name === cells[at + 1] && queue === cells[at + 2] && priority === cells[at + 3] && input === cells[at + 5]
  const other = cells[at + 6]
  if (!same || extras === other) return same
  return extras !== null && other !== null && sameJson(asSent(extras as string), asSent(other as string))
}

function asSent(text: string): TaskExtras {
  const { standIns: _, ...sent } = JSON.parse(text) as TaskExtras
  return sent
}
