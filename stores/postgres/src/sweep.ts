/** Sweep: due tasks become pending, and what is overdue is found. */
import type { SweepReply } from '@lovage/core'
import type { Query } from './database.ts'
import { liveColumns, taskFromRow } from './rows.ts'

const promote = { name: 'promote', text: 'select distinct p from @.promote(null, $1) p' }

// Workers are few, so stepping from holder to holder is cheaper than a second index on every running task.
const holders = `holder (name) as (
    select min(holder) from @.task where state = 3
    union all
    select (select min(t.holder) from @.task t where t.state = 3 and t.holder > holder.name) from holder where name is not null
  )`

const overdue = {
  name: 'overdue',
  text: `with recursive ${holders}
    select ${liveColumns} from @.task where id in (
      select e.id from holder cross join lateral (
        select id from @.task where state = 3 and holder = holder.name and taken_until <= $1 order by taken_until limit $2
      ) e
      union
      (select id from @.task where deadline <= $1 order by deadline limit $2)
    ) limit $2`,
}

const next = {
  name: 'next-sweep',
  text: `with recursive ${holders}
    select least(
      (select due_at from @.task where state = 1 order by due_at limit 1),
      (select deadline from @.task where deadline > $1 order by deadline limit 1),
      (select min(n.taken_until) from holder cross join lateral (
        select taken_until from @.task where state = 3 and holder = holder.name and taken_until > $1 order by taken_until limit 1
      ) n)
    )`,
}

/** Sweeps on a connection. */
export async function sweepTasks(query: Query, now: number, limit: number): Promise<SweepReply> {
  const ready = (await query(promote, [now])).map(([queue]) => queue as string)
  const rows = await query(overdue, [now, limit + 1])
  const found = rows.length > limit ? now : (await query(next, [now]))[0]?.[0]
  const nextAt = typeof found === 'number' ? Math.max(now + 1, found) : undefined
  return {
    overdue: rows.slice(0, limit).map(taskFromRow),
    ready,
    ...(nextAt === undefined ? {} : { nextAt }),
  }
}
