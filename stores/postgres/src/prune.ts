/** Prune: forgets resolved tasks, a day at a time where they stand in one, or only their results. */
import { isResolved, type PruneRequest, type ResolvedState, type Store, type TaskState } from '@lovage/core'
import type { Database, Query } from './database.ts'
import { makeDays, pastDays } from './history-days.ts'
import { stateCodes } from './state-codes.ts'

/** A result may be cleared an hour behind one that was looked at before: clocks of processes agree better. */
const marginMs = 3_600_000

/** Tasks that unresolved ones depend on, or whose key is still taken, stay. */
const isNeeded = `(h.dependents and exists (
    select from @.edge e join @.task t on t.id = e.dependent where e.required = h.id
  ))`
const holdsKey = `(h.key_until is not null and h.reason is distinct from 'superseded' and h.key_until > $1)`

const clearResults = {
  name: 'clear-results',
  text: `with found as (
      select h.state, h.resolved_at, h.seq from @.history h
      where h.state = $1 and h.resolved_at >= $2 and h.resolved_at < $3 and h.result is not null and not ${isNeeded} limit $4
    )
    update @.history h set result = null from found f
    where h.state = f.state and h.resolved_at = f.resolved_at and h.seq = f.seq returning 1`,
}

/** Makes the function that prunes. */
export function pruner(database: Database): Store['prune'] {
  const cleared = new Map<TaskState, number>()
  return async ({ state, before, what, limit }: PruneRequest) => {
    if (!isResolved(state)) return 0
    if (what !== 'result') return forget(database, state, before, limit)
    const from = (cleared.get(state) ?? 0) - marginMs
    const count = (await database.query(clearResults, [stateCodes[state], from, before, limit])).length
    if (count < limit) cleared.set(state, before)
    return count
  }
}

async function forget(database: Database, state: ResolvedState, before: number, limit: number): Promise<number> {
  let count = 0
  await makeDays(database.query, Date.now())
  for (const day of await pastDays(database.query, database.schema, state, before)) {
    if (count >= limit) return count
    count += await database.transaction((query) => dropDay(query, database.schema, state, day, before))
  }
  const other = `${database.schema}.history_${state}_other`
  const rows = await database.query(forgetSome(`${other} h`, `${other}`), [before, limit - count])
  return count + rows.length
}

/** Takes a partition out, puts what is needed into the default one, and drops the rest. */
async function dropDay(query: Query, schema: string, state: ResolvedState, day: string, before: number): Promise<number> {
  const table = `${schema}.${day}`
  const run = (text: string, values: readonly number[] = []) => query({ name: '', text }, values)
  // Whoever reads the history for long is not made to wait, and nobody behind us: it is tried again later.
  await run(`set local lock_timeout = '100ms'`)
  await run(`alter table ${schema}.history_${state} detach partition ${table}`)
  const needed = `${isNeeded} or ${holdsKey}`
  const [[kept]] = (await run(
    `with spared as (insert into @.history select * from ${table} h where ${needed} returning 1) select count(*) from spared`,
    [before],
  )) as unknown as [[number]]
  const gone = `select h.id from ${table} h where not (${needed})`
  await run(
    `delete from @.edge where required in (${gone} and h.dependents) or dependent in (${gone} and h.extras is not null)`,
    [before],
  )
  await run(`delete from @.log where task in (${gone})`, [before])
  await run(`delete from @.held_key where until <= $1`, [before])
  const [[all]] = (await run(`select count(*) from ${table}`)) as unknown as [[number]]
  await run(`drop table ${table}`)
  return all - kept
}

/** Forgets rows one by one, where no day holds them. */
function forgetSome(source: string, table: string) {
  return {
    name: `forget-${table}`,
    text: `with found as (
        select h.seq, h.id from ${source} where h.resolved_at < $1 and not ${isNeeded} and not ${holdsKey} limit $2
      ),
      edges as (delete from @.edge where required in (select id from found) or dependent in (select id from found)),
      lines as (delete from @.log where task in (select id from found)),
      keys as (delete from @.held_key where id in (select id from found))
      delete from ${table} h using found where h.seq = found.seq returning 1`,
  }
}
