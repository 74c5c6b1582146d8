/** Get and find: tasks by id, and pages in order of insertion from a cursor that inserts do not disturb. */
import type { DatabaseSync } from 'node:sqlite'
import { isResolved, type TaskQuery, type TaskState, taskStates } from '@lovage/core'
import { taskColumns } from './rows.ts'
import { firstResolvedCode, stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Rows of all task columns, and the cursor of the next page. */
export type FindAnswer = readonly [rows: readonly (readonly Cell[])[], cursor: string | undefined]

/** Up to so many tasks in a state are sorted; beyond that the table is walked, where the next match is near. */
const sortLimit = 20_000

const indexOf: Readonly<Record<TaskState, string>> = {
  blocked: 'blocked',
  scheduled: 'scheduled',
  pending: 'ready',
  running: 'running',
  completed: 'resolved',
  failed: 'resolved',
  exception: 'resolved',
}

const columns = `seq, ${taskColumns}`

/** Prepares the verb `get`. */
export function getVerb(db: DatabaseSync): Verb<readonly string[], readonly (readonly Cell[] | undefined)[]> {
  const one = rows(db, `select ${taskColumns} from task where id = ?`)
  return { writes: 'read', durable: false, run: (ids) => ids.map((id) => one.get(id) as unknown as Cell[] | undefined) }
}

/** Prepares the verb `find`. */
export function findVerb(db: DatabaseSync): Verb<TaskQuery, FindAnswer> {
  const page = (source: string, { where, values }: Filter, query: TaskQuery): Cell[][] => {
    const direction = query.order === 'oldest' ? 'asc' : 'desc'
    const sql = `select ${columns} from task ${source} where ${where.join(' and ')} order by seq ${direction} limit ?`
    return rows(db, sql).all(...values, limitOf(query) + 1) as unknown as Cell[][]
  }

  const isRare = (state: TaskState): boolean => {
    const sql = `select count(*) from (select 1 from task ${indexed(state)} where ${inState(state)} limit ${sortLimit + 1})`
    return (rows(db, sql).get() as unknown as [number])[0] <= sortLimit
  }

  /** One page per rare state from its index and one from the table for the others, merged. */
  const byState = (states: readonly TaskState[], query: TaskQuery): Cell[][] => {
    const rare = states.filter(isRare)
    const common = states.filter((state) => !rare.includes(state))
    const pages = rare.map((state) => page(indexed(state), filterOf(query, state), query))
    if (common.length > 0) pages.push(page('not indexed', filterOf({ ...query, states: common }), query))
    const sign = query.order === 'oldest' ? 1 : -1
    return pages.flat().sort((a, b) => sign * ((a[0] as number) - (b[0] as number)))
  }

  const search = (query: TaskQuery): Cell[][] => {
    const { ids, holder, key, states, dependency } = query
    if (ids !== undefined || dependency !== undefined) return page('', filterOf(query), query)
    if (holder !== undefined) return page('indexed by running', filterOf(query, 'running'), query)
    if (key !== undefined) return page('indexed by key', filterOf(query), query)
    if (states === undefined || states.length === taskStates.length) return page('not indexed', filterOf(query), query)
    return byState(
      taskStates.filter((state) => states.includes(state)),
      query,
    )
  }

  return {
    writes: 'read',
    durable: false,
    run(query) {
      const found = search(query)
      const limit = limitOf(query)
      const shown = found.slice(0, limit)
      return [shown.map((row) => row.slice(1)), found.length > limit ? String(shown.at(-1)?.[0]) : undefined]
    },
  }
}

function indexed(state: TaskState): string {
  return `indexed by ${indexOf[state]}`
}

/** Literals, not parameters: SQLite must see at preparation that the partial index holds all such rows. */
function inState(state: TaskState): string {
  return `state = ${stateCodes[state]}${isResolved(state) ? ` and state >= ${firstResolvedCode}` : ''}`
}

/** Only known words go into the statement. */
function inStates(states: readonly TaskState[]): string {
  const codes = taskStates.filter((state) => states.includes(state)).map((state) => stateCodes[state])
  return `state in (${codes.join(', ')})`
}

interface Filter {
  readonly where: readonly string[]
  readonly values: readonly Cell[]
}

/** @param inIndex the state whose index is walked, beside what the query asks for */
function filterOf(query: TaskQuery, inIndex?: TaskState): Filter {
  const where: string[] = ['true']
  const values: Cell[] = []
  const add = (condition: string, ...cells: Cell[]) => {
    where.push(condition)
    values.push(...cells)
  }
  if (inIndex !== undefined) add(inState(inIndex))
  if (query.states !== undefined) add(inStates(query.states))
  if (query.ids !== undefined) add('id in (select value from json_each(?))', JSON.stringify(query.ids))
  if (query.queue !== undefined) add('queue = ?', query.queue)
  if (query.name !== undefined) add('name = ?', query.name)
  if (query.holder !== undefined) add('holder = ?', query.holder)
  if (query.key !== undefined) add('key = ?', query.key)
  if (query.dependency !== undefined) {
    add('seq in (select dependent from edge where required = (select seq from task where id = ?))', query.dependency)
  }
  if (query.cursor !== undefined) add(query.order === 'oldest' ? 'seq > ?' : 'seq < ?', Number(query.cursor))
  return { where, values }
}

function limitOf({ limit = 100 }: TaskQuery): number {
  return Math.min(1000, Math.max(1, limit))
}
