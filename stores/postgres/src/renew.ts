/** Renew: leases move forward, and the holder learns what it still holds. */
import type { RenewRequest, RunRef } from '@lovage/core'
import type { Query } from './database.ts'
import { leaseEnd } from './lease-wait.ts'

/**
 * A task that is locked for long, by a transaction of a user's that completes it or waits behind it, must not keep the others
 * waiting: it is passed over, and counts as held as long as nothing else is committed.
 */
const renew = {
  name: 'renew',
  text: `with free as (select id from @.task where state = 3 and holder = $1 and taken_until < $2 for no key update skip locked),
    moved as (update @.task t set taken_until = $2 from free where t.id = free.id)
    select id, run from @.task where state = 3 and holder = $1`,
}

const renewThese = {
  name: 'renew-these',
  text: `with r as materialized (select * from unnest($3::text[], $4::integer[], $5::text[]) r (id, run, holder)),
    free as (select t.id from r join @.task t on t.id = r.id
      where t.run = r.run and t.state + 0 = 3 and t.holder = coalesce(r.holder, $1) and t.taken_until < $2
      for no key update of t skip locked),
    moved as (update @.task t set taken_until = $2 from free where t.id = free.id)
    select t.id, t.run from r join @.task t on t.id = r.id
    where t.run = r.run and t.state + 0 = 3 and t.holder = coalesce(r.holder, $1)`,
}

/** Moves the leases of a holder. */
export async function renewLeases(query: Query, { holder, until, runs }: RenewRequest): Promise<readonly RunRef[]> {
  const these =
    runs === undefined ? [] : [runs.map(({ id }) => id), runs.map(({ run }) => run), runs.map((run) => run.holder ?? null)]
  const statement = runs === undefined ? renew : renewThese
  const rows = await query(statement, (waitedMs) => [holder, leaseEnd(until, waitedMs), ...these])
  return rows.map(([id, run]) => ({ id: id as string, run: run as number }))
}
