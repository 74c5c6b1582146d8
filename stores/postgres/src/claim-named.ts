/** Claims tasks by their ids. */
import type { ClaimReply, ClaimRequest } from '@lovage/core'
import type { Query } from './database.ts'
import { leaseEnd } from './lease-wait.ts'
import { liveColumns, taskFromRow } from './rows.ts'

/** What others have in hand is left to them. */
const take = {
  name: 'claim-named',
  text: `with mine as (
      select ctid as place from @.task where id = any ($8) and queue = any ($1) and ($2::text[] is null or name = any ($2))
        and (state + 0 = 2 or (state + 0 = 1 and due_at <= $6))
        and not exists (select from @.record r where r.kind = 'paused' and r.key = queue)
      order by priority desc, seq limit $5 for update skip locked
    )
    update @.task t set state = 3, holder = $3, worker = $4, run = t.run + 1, taken_until = $7, due_at = null,
      started_at = case when t.lost > 0 or t.lost_limit < 2 then null else $6 end
    from mine where t.ctid = mine.place returning ${liveColumns}`,
}

/** Claims those of the tasks that are pending. */
export async function claimNamed(query: Query, request: ClaimRequest): Promise<ClaimReply> {
  const { queues, names, ids = [], holder, worker, limit, now, until } = request
  const rows = await query(take, (waitedMs) => [
    ...[queues, names ?? null, holder, worker, limit, now, leaseEnd(until, waitedMs), ids],
  ])
  const inLine = rows.toSorted((a, b) => (b[4] as number) - (a[4] as number) || (a[0] as number) - (b[0] as number))
  return { tasks: inLine.map(taskFromRow) }
}
