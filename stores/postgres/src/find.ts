/** Get and find: tasks by id, and pages in order of insertion from a cursor that inserts do not disturb. */
import { ConfigError, isResolved, type Task, type TaskPage, type TaskQuery, type TaskState, taskStates } from '@lovage/core'
import type { Query, Row, Statement, Value } from './database.ts'
import { resolvedRange } from './id-time.ts'
import { liveColumns, pastColumns, taskFromRow } from './rows.ts'
import { stateCodes } from './state-codes.ts'

const anyDay = `select ${liveColumns} from @.task where id = any ($1) union all select ${pastColumns} from @.history where id = any ($1)`
const get: Statement = { name: 'get', text: anyDay }

/** What runs with a holder: whoever has to know is in a hurry. */
const held: Statement = {
  name: 'held',
  text: `select ${liveColumns} from @.task where state = 3 and holder = $1 and seq > $2 order by seq limit $3`,
}

const dayMs = 86_400_000
/** The statements of the last few days. */
const gets = new Map<number, Statement>()

/** With the days in its words only those are opened: a plan for any times opens all that are kept. One for each day stays prepared. */
function getLately(today: number): Statement {
  const [first, last] = [today - 1, today + 2]
  let statement = gets.get(today)
  if (statement === undefined) {
    if (gets.size >= 10) gets.clear()
    const name = `get-${first}-${last}`
    statement = { name, text: `${anyDay} and resolved_at >= ${first * dayMs} and resolved_at < ${last * dayMs}` }
    gets.set(today, statement)
  }
  return statement
}

/**
 * Looks tasks up: among those that are not resolved, or were lately, and only for others in all the days there are. Each look sees
 * one state of things, so that a task on its way between them is found.
 */
export async function getTasks(query: Query, ids: readonly string[]): Promise<readonly (Task | undefined)[]> {
  const now = Date.now()
  const today = Math.floor(now / dayMs)
  const found = new Map<unknown, Row>()
  const look = async (statement: Statement, wanted: readonly string[]): Promise<void> => {
    for (const row of wanted.length === 0 ? [] : await query(statement, [wanted])) found.set(row[1], row)
  }
  await look(getLately(today), ids)
  const missing = ids.filter((id) => !found.has(id) && resolvedRange([id], now)[0] < (today - 1) * dayMs)
  await look(get, missing)
  return ids.map((id) => {
    const row = found.get(id)
    return row === undefined ? undefined : taskFromRow(row)
  })
}

/** Finds a page. */
export async function findTasks(query: Query, asked: TaskQuery): Promise<TaskPage> {
  if (asked.cursor !== undefined && !/^\d+$/.test(asked.cursor)) {
    const got = JSON.stringify(asked.cursor)
    throw new ConfigError('OPTION_INVALID', `expected \`cursor\` to be from the reply before, got: ${got}`)
  }
  const limit = Math.min(1000, Math.max(1, asked.limit ?? 100))
  if (asksHeld(asked)) {
    return pageOf(await query(held, [asked.holder, asked.cursor === undefined ? 0 : Number(asked.cursor), limit + 1]), limit)
  }
  const states = taskStates.filter((state) => asked.states?.includes(state) ?? true)
  const [live, past] = [states.filter((state) => !isResolved(state)), states.filter(isResolved)]
  const values: Value[] = []
  const branches = [
    live.length > 0 ? page('live', live, asked, limit, values) : undefined,
    past.length > 0 && asked.holder === undefined ? page('past', past, asked, limit, values) : undefined,
  ].filter((each) => each !== undefined)
  // One statement sees one state of things, so that a task on its way to the history is found once.
  const rows = branches.length === 0 ? [] : [...(await query({ name: '', text: branches.join(' union all ') }, values))]
  const sign = asked.order === 'oldest' ? 1 : -1
  rows.sort((a, b) => sign * (seqOf(a) - seqOf(b)))
  return pageOf(rows, limit)
}

/** Nothing but what runs with a holder, from the oldest. */
function asksHeld({ holder, states, order, limit, cursor, ...rest }: TaskQuery): boolean {
  if (holder === undefined || order !== 'oldest' || states?.length !== 1 || states[0] !== 'running') return false
  return Object.values(rest).every((each) => each === undefined)
}

function pageOf(rows: readonly Row[], limit: number): TaskPage {
  const shown = rows.slice(0, limit)
  const tasks = shown.map(taskFromRow)
  return rows.length > limit ? { tasks, cursor: String(seqOf(shown.at(-1) as Row)) } : { tasks }
}

function seqOf(row: Row): number {
  return row[0] as number
}

/** One more than asked for, which tells whether there is another page. */
function page(table: 'live' | 'past', states: readonly TaskState[], asked: TaskQuery, limit: number, values: Value[]): string {
  const where: string[] = []
  const add = (condition: string, value: Value): void => {
    values.push(value)
    where.push(`${condition} $${values.length}${condition.endsWith('any') ? ')' : ''}`.replace('any $', 'any ($'))
  }
  where.push(`state in (${states.map((state) => stateCodes[state]).join(', ')})`)
  if (asked.ids !== undefined) add('id = any', asked.ids)
  if (asked.queue !== undefined) add('queue =', asked.queue)
  if (asked.name !== undefined) add('name =', asked.name)
  if (asked.holder !== undefined) add('state = 3 and holder =', asked.holder)
  if (asked.key !== undefined) add('key =', asked.key)
  if (asked.dependency !== undefined) {
    values.push(asked.dependency)
    where.push(`id in (select dependent from @.edge where required = $${values.length})`)
  }
  if (asked.cursor !== undefined) add(asked.order === 'oldest' ? 'seq >' : 'seq <', Number(asked.cursor))
  const [columns, from] = table === 'live' ? [liveColumns, '@.task'] : [pastColumns, '@.history']
  const order = asked.order === 'oldest' ? 'asc' : 'desc'
  return `(select ${columns} from ${from} where ${where.join(' and ')} order by seq ${order} limit ${limit + 1})`
}
