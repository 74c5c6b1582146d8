/** The dead-man's switch by advisory locks: they end with the session, and the session with its process. */
import { randomInt } from 'node:crypto'
import { type Liveness, StoreError } from '@lovage/core'
import type { Query } from './line.ts'
import { holderId, holderOf, isOfLife, unprovenId } from './member-id.ts'
import { Membership } from './membership.ts'
import type { PostgresSession } from './postgres-session.ts'

/** Makes the liveness. It holds and hears on the session; `query` asks who is lost, which takes no session. */
export function postgresLiveness(session: PostgresSession, query: Query): Liveness {
  const watchers = new Set<(holder: string) => void>()
  const membership = new Membership(session, (holder) => {
    for (const watcher of watchers) {
      queueMicrotask(() => {
        if (watchers.has(watcher)) watcher(holder)
      })
    }
  })
  const enter = async (what: string): Promise<void> => {
    if (membership.isClosed) throw new StoreError('STORE_CLOSED', `expected an open liveness to ${what}, got a closed one`)
    await session.lodge(membership)
  }
  return {
    async hold(worker) {
      await enter(`hold ${worker}`)
      if (session.isPooled) return { id: unprovenId(randomInt(2 ** 32)), async release() {} }
      const holder = await membership.hold()
      return { id: holderId(holder), release: () => membership.release(holder.number) }
    },
    async watch(onLost) {
      // Its own function object, so that one listener can watch twice. Who is lost is asked again later, so a rejection is no loss.
      const watcher = (holder: string): void => void Promise.resolve(onLost(holder)).catch(() => {})
      watchers.add(watcher)
      try {
        await enter('watch')
      } catch (error) {
        watchers.delete(watcher)
        throw error
      }
      return () => void watchers.delete(watcher)
    },
    lost: (holders) => lostOf(holders, { query, membership, graceMs: session.graceMs }),
    async close() {
      watchers.clear()
      await membership.close()
    },
  }
}

interface Witnesses {
  readonly query: Query
  readonly membership: Membership
  readonly graceMs: number
}

/** Those whose lock nobody holds, unless the server was restarted a moment ago and they may be on their way back. */
async function lostOf(ids: readonly string[], { query, membership, graceMs }: Witnesses): Promise<readonly string[]> {
  const members = new Set(ids.flatMap((id) => holderOf(id)?.member ?? []))
  if (members.size === 0) return []
  const [row] = await query(
    `select coalesce(string_agg(classid || '.' || objid, ' '), '') as held,
            extract(epoch from pg_postmaster_start_time())::text as life,
            (extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000)::float8 as age
     from pg_locks
     where locktype = 'advisory' and objsubid = 1 and granted and classid::bigint = any ($1::bigint[])
       and database = (select oid from pg_database where datname = current_database())`,
    [[...members]],
  )
  const { held, life, age } = row as { readonly held: string; readonly life: string; readonly age: number }
  const alive = new Set(held.split(' '))
  return ids.filter((id) => {
    const holder = holderOf(id)
    if (holder === undefined || membership.holds(holder) || alive.has(`${holder.member}.${holder.number}`)) return false
    return age >= graceMs || isOfLife(holder.member, life)
  })
}
