/** Prune: forgets resolved tasks, or only their results. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isResolved, type PruneRequest, type ResolvedState } from '@lovage/core'
import { firstResolvedCode, stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Verb } from './verb.ts'

/** A result may be cleared an hour behind one that was looked at before: clocks of processes on one host agree better. */
const marginMs = 3_600_000

const resolved = `state >= ${firstResolvedCode} and state = ?1 and queue = ?2 and resolved_at < ?3`

const unneeded = `(dependents = 0 or not exists (select 1 from edge join task d on d.seq = edge.dependent
  where edge.required = task.seq and d.state < ${firstResolvedCode}))`

/** A request for a resolved state. */
type ResolvedRequest = PruneRequest & { readonly state: ResolvedState }

/** Prepares the verb. */
export function pruneVerb(db: DatabaseSync): Verb<PruneRequest, number> {
  const tasks = oldTasks(db)
  const results = oldResults(db)
  const clear = db.prepare('update task set result = null where seq = ?')
  const removals = ['log where task', 'edge where required', 'edge where dependent', 'task where seq'].map((what) =>
    db.prepare(`delete from ${what} = ?`),
  )
  const find = (request: ResolvedRequest): readonly number[] =>
    request.what === 'result' ? results.find(request) : tasks(request)

  return {
    writes: (request) => isOfResolved(request) && find({ ...request, limit: Math.min(request.limit, 1) }).length > 0,
    durable: false,
    run(request) {
      if (!isOfResolved(request)) return 0
      const found = find(request)
      if (request.what === 'result') {
        for (const seq of found) clear.run(seq)
        if (found.length < request.limit) results.allCleared(request)
      } else {
        for (const seq of found) for (const removal of removals) removal.run(seq)
      }
      return found.length
    },
  }
}

/** Finds what may go. Those that keep their key stand in an index by the end of that, so that nobody walks over them. */
function oldTasks(db: DatabaseSync): (request: ResolvedRequest) => readonly number[] {
  return finder(db, [
    rows(
      db,
      `select seq from task indexed by resolved where ${resolved} and keeps_key = 0 and ${unneeded} order by resolved_at limit ?4`,
    ),
    rows(
      db,
      `select seq from task indexed by window_end where ${resolved} and key_until is not null and keeps_key = 1
        and key_until <= ?3 and ${unneeded} order by key_until limit ?4`,
    ),
  ])
}

interface OldResults {
  find(request: ResolvedRequest): readonly number[]
  /** What `find` found was cleared, and it was all there was. */
  allCleared(request: ResolvedRequest): void
}

/** Results that somebody may read stand in an index until they are cleared; for all others it is enough to look once. */
function oldResults(db: DatabaseSync): OldResults {
  const cleared = new Map<ResolvedState, number>()
  const find = finder(db, [
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
  return {
    find: (request) => find(request, (cleared.get(request.state) ?? 0) - marginMs),
    allCleared: ({ state, before }) => void cleared.set(state, before),
  }
}

/** Goes through the queues with statements on state, queue, time, limit and what else they take. */
function finder(db: DatabaseSync, statements: readonly StatementSync[]) {
  const nextQueue = rows(
    db,
    `select queue from task indexed by resolved where state >= ${firstResolvedCode} and state = ? and queue > ? order by queue limit 1`,
  )
  return ({ state, before, limit }: ResolvedRequest, ...more: readonly number[]): readonly number[] => {
    const found: number[] = []
    const code = stateCodes[state]
    for (let queue = ''; found.length < limit; ) {
      const next = nextQueue.get(code, queue) as unknown as [string] | undefined
      if (next === undefined) break
      queue = next[0]
      for (const statement of statements) {
        const page = statement.all(code, queue, before, limit - found.length, ...more) as unknown as [number][]
        for (const [seq] of page) found.push(seq)
      }
    }
    return found
  }
}

function isOfResolved(request: PruneRequest): request is ResolvedRequest {
  return isResolved(request.state)
}
