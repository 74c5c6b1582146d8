/** Renew: leases move forward, and the holder learns what it still holds. */
import type { RenewRequest, RunRef } from '@lovage/core'
import type { Query } from './database.ts'
import { leaseEnd } from './lease-wait.ts'

const renew = {
  name: 'renew',
  text: `with moved as (update @.task set taken_until = $2 where state = 3 and holder = $1 and taken_until < $2)
    select id, run from @.task where state = 3 and holder = $1`,
}

/** Moves the leases of a holder. */
export async function renewLeases(query: Query, { holder, until }: RenewRequest): Promise<readonly RunRef[]> {
  const rows = await query(renew, (waitedMs) => [holder, leaseEnd(until, waitedMs)])
  return rows.map(([id, run]) => ({ id: id as string, run: run as number }))
}
