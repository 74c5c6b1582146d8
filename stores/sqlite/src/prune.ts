/** Prune: forgets resolved tasks, or only their results. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isResolved, type PruneRequest } from '@lovage/core'
import { firstResolvedCode, stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Verb } from './verb.ts'

/** A result may be cleared an hour behind one that was looked at before: clocks of processes on one host agree better. */
const marginMs = 3_600_000

const unneeded = `(dependents = 0 or not exists (select 1 from edge join task d on d.seq = edge.dependent
  where edge.required = task.seq and d.state < ${firstResolvedCode}))`

/** The key that outlives its task is free by then. */
const keyless = "(key_until is null or key_until <= ?3 or reason is 'superseded')"

/** Prepares the verb. */
export function pruneVerb(db: DatabaseSync): Verb<PruneRequest, number> {
  const nextQueue = rows(
    db,
    `select queue from task indexed by resolved where state >= ${firstResolvedCode} and state = ? and queue > ? order by queue limit 1`,
  )
  const over = (what: string): StatementSync =>
    rows(
      db,
      `select seq from task indexed by resolved where state >= ${firstResolvedCode} and state = ?1 and queue = ?2
        and resolved_at < ?3 and resolved_at >= ?4 and ${what} and ${unneeded} order by resolved_at limit ?5`,
    )
  const tasks = over(keyless)
  const results = over('result is not null')
  const clear = db.prepare('update task set result = null where seq = ?')
  const removals = ['log where task', 'edge where required', 'edge where dependent', 'task where seq'].map((what) =>
    db.prepare(`delete from ${what} = ?`),
  )
  // Where the results of a state have been cleared up to, so that a call does not look through all of history again.
  const cleared = new Map<string, number>()

  const queuesOf = (state: number): readonly string[] => {
    const queues: string[] = []
    for (let row = nextQueue.get(state, ''); row !== undefined; row = nextQueue.get(state, queues.at(-1) as string)) {
      queues.push((row as unknown as [string])[0])
    }
    return queues
  }

  const find = ({ state, before, what, limit }: PruneRequest): readonly number[] => {
    if (!isResolved(state)) return []
    const isResult = what === 'result'
    const floor = isResult ? (cleared.get(state) ?? 0) - marginMs : Number.MIN_SAFE_INTEGER
    const found: number[] = []
    for (const queue of queuesOf(stateCodes[state])) {
      const room = limit - found.length
      if (room <= 0) break
      const statement = isResult ? results : tasks
      found.push(...(statement.all(stateCodes[state], queue, before, floor, room) as unknown as [number][]).map(([seq]) => seq))
    }
    return found
  }

  return {
    writes: (request) => find(request).length > 0,
    durable: false,
    run(request) {
      const found = find(request)
      if (request.what === 'result') {
        for (const seq of found) clear.run(seq)
        if (found.length < request.limit) cleared.set(request.state, request.before)
      } else {
        for (const seq of found) for (const removal of removals) removal.run(seq)
      }
      return found.length
    },
  }
}
