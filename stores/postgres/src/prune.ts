/** Prune: forgets resolved tasks, a day at a time where they stand in one, or only their results. */
import { isResolved, type PruneRequest, type ResolvedState, type Store, type TaskState } from '@lovage/core'
import type { Database, Query } from './database.ts'
import { isDay, makeDays, pastDays } from './history-days.ts'
import { stateCodes } from './state-codes.ts'

/** A result may be cleared an hour behind one that was looked at before: clocks of processes agree better. */
const marginMs = 3_600_000

/** Tasks that unresolved ones depend on, or whose key is still taken, stay. */
const isNeeded = `(h.dependents and exists (
    select from @.edge e join @.task t on t.id = e.dependent where e.required = h.id
  ))`
const holdsKey = `(h.key_until is not null and h.reason is distinct from 'superseded' and h.key_until > $1)`
/** As above; only these can be needed, and they have an index of their own. */
const mayBeNeeded = '(h.dependents or h.key_until is not null)'

// What is locked is looked at again: a new dependent may have come while the lock was waited for.
const resultsToClear = {
  name: 'results-to-clear',
  text: `select id from @.history h
    where h.state = $1 and h.resolved_at >= $2 and h.resolved_at < $3 and h.result is not null and not ${isNeeded}
    limit $4 for update skip locked`,
}
const clearResults = {
  name: 'clear-results',
  text: `update @.history h set result = null where h.id = any ($1) and h.state = $2 and not ${isNeeded} returning 1`,
}

/** Makes the function that prunes. */
export function pruner(database: Database): Store['prune'] {
  const cleared = new Map<TaskState, number>()
  return async ({ state, before, what, limit }: PruneRequest) => {
    if (!isResolved(state)) return 0
    if (what !== 'result') return forget(database, state, before, limit)
    const from = (cleared.get(state) ?? 0) - marginMs
    const count = await database.transaction(async (query) => {
      const ids = (await query(resultsToClear, [stateCodes[state], from, before, limit])).map(([id]) => id as string)
      return ids.length === 0 ? 0 : (await query(clearResults, [ids, stateCodes[state]])).length
    })
    if (count < limit) cleared.set(state, before)
    return count
  }
}

async function forget(database: Database, state: ResolvedState, before: number, limit: number): Promise<number> {
  let count = 0
  await makeDays(database, Date.now())
  for (const day of await pastDays(database.query, database.schema, state, before)) {
    if (count >= limit) return count
    count += await forgetDay(database, state, day, before).catch(async (error) => {
      // Another process was faster.
      if (await isDay(database.query, database.schema, state, day)) throw error
      return 0
    })
  }
  if (count >= limit) return count
  return count + (await forgetSome(database, `history_${state}_other`, before, limit - count))
}

/**
 * Forgets a day. What hangs on its tasks goes first, while everybody works on; then the partition is taken out, what is needed
 * of it is put into the default one, and the rest is dropped, which takes moments.
 */
async function forgetDay(database: Database, state: ResolvedState, day: string, before: number): Promise<number> {
  const { schema } = database
  const table = `"${schema}".${day}`
  const unneeded = `not (${isNeeded} or ${holdsKey})`
  const on =
    (query: Query) =>
    (text: string, values: readonly number[] = []) =>
      query({ name: '', text }, values)
  const run = on(database.query)
  const [row] = await run(`select count(*) from ${table} h where ${unneeded}`, [before])
  for (const [what, column] of [
    ['edge', 'required'],
    ['edge', 'dependent'],
    ['log', 'task'],
  ]) {
    await run(`delete from @.${what} x using ${table} h where x.${column} = h.id and ${unneeded}`, [before])
  }
  await run('delete from @.held_key where until <= $1', [before])
  const isDropped = await database.transaction(async (query) => {
    const inTransaction = on(query)
    // One process does it. Whoever reads the history for long is not made to wait, nor anybody behind us: it is tried again.
    const [lock] = await inTransaction(`select pg_try_advisory_xact_lock(hashtext('@.${day}'), 0)`)
    if (lock?.[0] !== true || !(await isDay(query, schema, state, day))) return false
    await inTransaction(`set local lock_timeout = '100ms'`)
    await inTransaction(`alter table @.history_${state} detach partition ${table}`)
    await inTransaction(`insert into @.history select * from ${table} h where ${mayBeNeeded} and (${isNeeded} or ${holdsKey})`, [
      before,
    ])
    await inTransaction(`drop table ${table}`)
    return true
  })
  return isDropped ? Number(row?.[0]) : 0
}

/** Forgets rows one by one, where no day holds them. */
function forgetSome(database: Database, table: string, before: number, limit: number): Promise<number> {
  const found = {
    name: `to-forget-${table}`,
    text: `select h.id from @.${table} h where h.resolved_at < $1 and not ${isNeeded} and not ${holdsKey}
      limit $2 for update skip locked`,
  }
  const forgotten = {
    name: `forget-${table}`,
    text: `with gone as (
        delete from @.${table} h where h.id = any ($2) and not ${isNeeded} and not ${holdsKey} returning h.id
      ),
      required as (delete from @.edge e using gone where e.required = gone.id),
      dependent as (delete from @.edge e using gone where e.dependent = gone.id and not exists (
        select from gone other where other.id = e.required
      )),
      lines as (delete from @.log l using gone where l.task = gone.id),
      keys as (delete from @.held_key k using gone where k.id = gone.id)
      select 1 from gone`,
  }
  return database.transaction(async (query) => {
    const ids = (await query(found, [before, limit])).map(([id]) => id as string)
    return ids.length === 0 ? 0 : (await query(forgotten, [before, ids])).length
  })
}
