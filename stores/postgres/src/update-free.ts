/** Changes of tasks that no open transaction keeps: whoever has to go on passes over those that one does. */
import type { TaskChange, UpdateReply } from '@lovage/core'
import { LovageError } from '@lovage/core'
import type { Database, Query, Statement } from './database.ts'
import { RippleLog } from './ripple.ts'
import { replyFrom, updateParameters, updateValues } from './update.ts'

const columns = updateParameters.map((_, index) => `c${index + 1}`)
const parameters = updateParameters.map((type, index) => `$${index + 1}::${type}`)

/**
 * One call, so that nothing waits on the way between the locks and the changes; `update_tasks` looks when all locks are there.
 *
 * That runs were lost and their tasks wait again is worth no wait for the disk: the claim that follows is not either, and a crash of
 * the server that undoes the loss leaves the runs with their holder. It is a dead one still, so that the loss is noticed again: by
 * its record, which is removed afterwards by a write that does wait, or when the lease ends. What resolves tasks is told to those who
 * wait for them, and has to be true.
 */
const change = (name: string, locked: string): Statement => ({
  name,
  text: `with free as materialized (select id from @.task where id = any ($1) order by id for update ${locked}),
    asked as materialized (
      select ${columns.map((column) => `array_agg(${column} order by place) as ${column}`).join(', ')}, array_agg(place order by place) as places
      from unnest(${parameters.join(', ')}) with ordinality as c (${columns.join(', ')}, place) where c1 in (select id from free)
    )
    select u.applied, u.ready, u.due, u.notices, places,
      case when 3 = all ($2::smallint[]) and 2 = all ($5::smallint[]) then set_config('synchronous_commit', 'off', true) end
    from asked, @.update_tasks(${columns.join(', ')}) u where places is not null`,
})

const free = change('update-free', 'skip locked')
const soon = change('update-soon', '')
/** The transactions of a process that was killed end a moment after it. */
const patience = { name: '', text: `set local lock_timeout = '1s'` }

/** Changes unresolved tasks. Those that are locked are waited for a second; then nothing becomes of their changes. */
export async function updateFree(
  database: Pick<Database, 'query' | 'transaction'>,
  changes: readonly TaskChange[],
): Promise<UpdateReply> {
  if (changes.length === 0) return { applied: [], ready: [], resolved: [] }
  const first = await updateLocked(database.query, free, changes)
  const left = changes.filter((_, index) => first.applied[index] !== true)
  if (left.length === 0) return first
  const patient = async (query: Query): Promise<UpdateReply> => {
    await query(patience)
    return updateLocked(query, soon, left)
  }
  const second = await database.transaction(patient).catch((error: unknown) => {
    if (LovageError.is(error, 'STORE_BUSY')) return undefined
    throw error
  })
  if (second === undefined) return first
  const applied = [...second.applied]
  const ripple = new RippleLog()
  for (const { ready, dueAt, resolved } of [first, second]) {
    for (const queue of ready) ripple.ready(queue)
    for (const notice of resolved) ripple.resolved(notice)
    if (dueAt !== undefined) ripple.due(dueAt)
  }
  return { applied: first.applied.map((each) => each || applied.shift() === true), ...ripple.end() }
}

async function updateLocked(query: Query, statement: Statement, changes: readonly TaskChange[]): Promise<UpdateReply> {
  const [row] = await query(statement, updateValues(changes))
  const places = (row?.[4] ?? []) as readonly number[]
  return replyFrom(row, changes, (applied) => places[applied - 1] as number)
}
