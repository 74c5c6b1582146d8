/** Prune: forgets resolved tasks, or only their results. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isResolved, type PruneRequest, type ResolvedState, type Store, type TaskState } from '@lovage/core'
import { firstResolvedCode, stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Verb } from './verb.ts'

/** A result may be cleared an hour behind one that was looked at before: clocks of processes on one host agree better. */
const marginMs = 3_600_000

const resolved = `state >= ${firstResolvedCode} and state = ?1 and queue = ?2 and resolved_at < ?3`

const unneeded = `(dependents = 0 or not exists (select 1 from edge join task d on d.seq = edge.dependent
  where edge.required = task.seq and d.state < ${firstResolvedCode}))`

/** A request, and from when on results are looked for: what was resolved before holds none. */
export interface PruneOrder extends PruneRequest {
  readonly from: number
}

type ResolvedOrder = PruneOrder & { readonly state: ResolvedState }

/**
 * Prunes by calls. A result that nobody can wait for any more is looked for once: what an answer told of is committed, so that
 * the next call may start where it ended.
 * @param life what stands for the file as it is now: another one may come in its place
 */
export function pruner(call: (order: PruneOrder) => Promise<number>, life: () => unknown): Store['prune'] {
  const cleared = new Map<TaskState, number>()
  let known = life()
  return async (request) => {
    const { state, before, what, limit } = request
    if (known !== life()) cleared.clear()
    known = life()
    const count = await call({ ...request, from: (cleared.get(state) ?? 0) - marginMs })
    if (what === 'result' && count < limit && known === life()) cleared.set(state, before)
    return count
  }
}

/** Prepares the verb. */
export function pruneVerb(db: DatabaseSync): Verb<PruneOrder, number> {
  const tasks = oldTasks(db)
  const results = oldResults(db)
  const clear = db.prepare('update task set result = null where seq = ?')
  const removals = ['log where task', 'edge where required', 'edge where dependent', 'task where seq'].map((what) =>
    db.prepare(`delete from ${what} = ?`),
  )
  const find = (order: ResolvedOrder): readonly number[] => (order.what === 'result' ? results : tasks)(order)

  return {
    writes: (order) => isOfResolved(order) && find({ ...order, limit: Math.min(order.limit, 1) }).length > 0,
    durable: false,
    run(order) {
      if (!isOfResolved(order)) return 0
      const found = find(order)
      for (const seq of found) {
        if (order.what === 'result') clear.run(seq)
        else for (const removal of removals) removal.run(seq)
      }
      return found.length
    },
  }
}

type Find = (order: ResolvedOrder) => readonly number[]

/** Finds what may go. Those that keep their key stand in an index by the end of that, so that nobody walks over them. */
function oldTasks(db: DatabaseSync): Find {
  return finder(db, [
    rows(
      db,
      `select seq from task indexed by resolved where ${resolved} and keeps_key = 0 and ?5 is not null and ${unneeded} order by resolved_at limit ?4`,
    ),
    rows(
      db,
      `select seq from task indexed by window_end where ${resolved} and key_until is not null and keeps_key = 1
        and ?5 is not null and key_until <= ?3 and ${unneeded} order by key_until limit ?4`,
    ),
  ])
}

/** Results that somebody may read stand in an index until they are cleared; for all others it is enough to look once. */
function oldResults(db: DatabaseSync): Find {
  return finder(db, [
    rows(
      db,
      `select seq from task indexed by resolved where ${resolved} and keeps_key in (0, 1) and resolved_at >= ?5
        and dependents = 0 and result is not null limit ?4`,
    ),
    rows(
      db,
      `select seq from task indexed by read_later where ${resolved} and dependents = 1 and result is not null and ?5 is not null
        and ${unneeded} order by resolved_at limit ?4`,
    ),
  ])
}

/** Goes through the queues with statements on state, queue, time, limit and from when on. */
function finder(db: DatabaseSync, statements: readonly StatementSync[]): Find {
  const nextQueue = rows(
    db,
    `select queue from task indexed by resolved where state >= ${firstResolvedCode} and state = ? and queue > ? order by queue limit 1`,
  )
  return ({ state, before, limit, from }) => {
    const found: number[] = []
    const code = stateCodes[state]
    for (let queue = ''; found.length < limit; ) {
      const next = nextQueue.get(code, queue) as unknown as [string] | undefined
      if (next === undefined) break
      queue = next[0]
      for (const statement of statements) {
        const page = statement.all(code, queue, before, limit - found.length, from) as unknown as [number][]
        for (const [seq] of page) found.push(seq)
      }
    }
    return found
  }
}

function isOfResolved(order: PruneOrder): order is ResolvedOrder {
  return isResolved(order.state)
}
