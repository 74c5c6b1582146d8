/** Claim: due tasks join the lanes, the most urgent ones go to the holder. */
import type { DatabaseSync } from 'node:sqlite'
import type { ClaimRequest } from '@lovage/core'
import { type Lane, pendingLanes } from './lanes.ts'
import { promotion } from './promote.ts'
import { claimColumns, claimWidth } from './rows.ts'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Rows of `claimColumns`, `seq` and the number of their lane (if not 0), in the order of the line; the lanes; the next due time. */
export type ClaimAnswer = readonly [rows: readonly (readonly Cell[])[], lanes: readonly Lane[], nextDueAt: number | undefined]

const takeSql = `update task set state = ${stateCodes.running}, holder = ?, worker = ?, run = run + 1, taken_until = ?, started_at = ?
  where seq in (select seq from task indexed by ready where state = ${stateCodes.pending} and queue = ? and name = ?
    order by priority desc, seq limit ?)
  returning ${claimColumns}, seq`

/** Prepares the verb. */
export function claimVerb(db: DatabaseSync): Verb<ClaimRequest, ClaimAnswer> {
  const paused = rows(db, "select key from record where kind = 'paused'")
  const due = promotion(db)
  const lanes = pendingLanes(db)
  const take = rows(db, takeSql)

  const openQueues = (queues: readonly string[]): readonly string[] => {
    const closed = new Set((paused.all() as unknown as [string][]).map(([key]) => key))
    return [...new Set(queues)].filter((queue) => !closed.has(queue))
  }

  const takeFrom = (open: readonly Lane[], request: ClaimRequest): Cell[][] => {
    const { holder, worker, until, now, limit } = request
    const taken: Cell[][] = []
    for (const [lane, share] of lanes.shares(open, limit).entries()) {
      const { queue = '', name = '' } = open[lane] ?? {}
      if (share === 0) continue
      for (const row of take.all(holder, worker, until, now, queue, name, share) as unknown as Cell[][]) {
        if (lane > 0) row.push(lane)
        taken.push(row)
      }
    }
    // A statement returns rows in the order in which it met them, which is not the order of the line.
    return taken.sort((a, b) => (b[1] as number) - (a[1] as number) || (a[claimWidth] as number) - (b[claimWidth] as number))
  }

  const nextDueAt = (queues: readonly string[]): number | undefined => {
    const times = queues.map((queue) => due.nextDueAt(queue)).filter((time) => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  return {
    writes({ queues, names, now, limit }) {
      const open = openQueues(queues)
      return open.some((queue) => due.isDue(queue, now)) || (limit > 0 && lanes.isAnyOpen(open, names))
    },
    // A claim that a power loss undoes only leaves the task pending: the worker that had it lost its power too.
    durable: false,
    run(request) {
      const queues = openQueues(request.queues)
      for (const queue of queues) if (due.isDue(queue, request.now)) due.promote(queue, request.now)
      const open = request.limit > 0 ? lanes.open(queues, request.names) : []
      return [takeFrom(open, request), open, nextDueAt(queues)]
    },
  }
}
