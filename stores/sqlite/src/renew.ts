/** Renew: leases move forward, and the holder learns what it still holds. */
import type { DatabaseSync } from 'node:sqlite'
import type { RenewRequest } from '@lovage/core'
import { type Asked, leaseEnd } from './lease-wait.ts'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

export type RenewPayload = RenewRequest & Asked
/** The new end of the leases; ids and runs that the holder has, one after the other. */
export type RenewAnswer = readonly [until: number, held: readonly Cell[]]

/** Prepares the verb. */
export function renewVerb(db: DatabaseSync): Verb<RenewPayload, RenewAnswer> {
  const held = rows(db, `select id, run from task indexed by running where state = ${stateCodes.running} and holder = ?`)
  const renewAll = db.prepare(
    `update task indexed by running set taken_until = ?1 where state = ${stateCodes.running} and holder = ?2 and taken_until < ?1`,
  )
  const behind = rows(
    db,
    `select 1 from task indexed by running where state = ${stateCodes.running} and holder = ? and taken_until < ? limit 1`,
  )
  const renewOne = rows(
    db,
    `update task set taken_until = max(taken_until, ?1) where id = ?2 and state = ${stateCodes.running} and run = ?3 and holder = ?4
      returning id, run`,
  )

  return {
    writes: ({ holder, until, runs }) => (runs === undefined ? behind.get(holder, until) !== undefined : runs.length > 0),
    // A renewal that a power loss undoes belongs to a worker that is gone as well.
    durable: false,
    run({ holder, until: asked, askedAt, runs }) {
      const until = leaseEnd(asked, askedAt)
      if (runs !== undefined) {
        const held = runs.map(
          (one) => renewOne.get(until, one.id, one.run, one.holder ?? holder) as unknown as Cell[] | undefined,
        )
        return [until, held.flatMap((row) => row ?? [])]
      }
      if (behind.get(holder, until) !== undefined) renewAll.run(until, holder)
      return [until, (held.all(holder) as unknown as Cell[][]).flat()]
    },
  }
}
