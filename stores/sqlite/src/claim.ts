/** Claim: due tasks join the lanes, the most urgent ones go to the holder. */
import type { DatabaseSync } from 'node:sqlite'
import type { ClaimRequest } from '@lovage/core'
import { namedClaims } from './claim-named.ts'
import { claimLimit, claimTurns } from './claim-turns.ts'
import { type Lane, type Lanes, type OpenLane, pendingLanes } from './lanes.ts'
import { type Asked, leaseEnd } from './lease-wait.ts'
import { promotion } from './promote.ts'
import { claimColumns, claimWidth } from './rows.ts'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

export type ClaimPayload = ClaimRequest & Asked
/**
 * Rows of `claimColumns`, `seq` and the number of their lane (if not 0), in the order of the line; the lanes; the next due time;
 * the end of the leases.
 */
export type ClaimAnswer = readonly [
  rows: readonly (readonly Cell[])[],
  lanes: readonly Lane[],
  nextDueAt: number | undefined,
  until: number,
]

type Taken = readonly [rows: Cell[][], lanes: readonly Lane[]]

const takeSql = `update task set state = ${stateCodes.running}, holder = ?, worker = ?, run = run + 1, taken_until = ?,
  started_at = iif(lost > 0 or lost_limit < 2, null, ?)
  where seq in`
const returning = `returning ${claimColumns}, seq`

/** Prepares the verb. */
export function claimVerb(db: DatabaseSync): Verb<ClaimPayload, ClaimAnswer> {
  const paused = rows(db, "select key from record where kind = 'paused'")
  const due = promotion(db)
  const lanes = pendingLanes(db)
  const takeHead = rows(
    db,
    `${takeSql} (select seq from task indexed by ready where state = ${stateCodes.pending} and queue = ? and name = ?
      order by priority desc, seq limit ?) ${returning}`,
  )
  const takeThese = rows(db, `${takeSql} (select value from json_each(?)) ${returning}`)
  const named = namedClaims(db, takeSql, returning)
  const shared = sharedClaims(db, lanes)

  const openQueues = (queues: readonly string[]): readonly string[] => {
    const closed = new Set((paused.all() as unknown as [string][]).map(([key]) => key))
    return [...new Set(queues)].filter((queue) => !closed.has(queue))
  }

  const takeMerged = (open: readonly OpenLane[], request: ClaimRequest): Taken => {
    const { holder, worker, until, now, limit } = request
    const used = new Map<number, number>()
    const laneOf = new Map<number, number>()
    for (const [lane, , seq] of lanes.line(open, limit)) {
      const place = used.get(lane) ?? used.size
      used.set(lane, place)
      laneOf.set(seq, place)
    }
    const taken = takeThese.all(holder, worker, until, now, JSON.stringify([...laneOf.keys()])) as unknown as Cell[][]
    for (const row of taken) {
      const lane = laneOf.get(row[claimWidth] as number) ?? 0
      if (lane > 0) row.push(lane)
    }
    return [taken, [...used.keys()].map((lane) => bare(open[lane] as OpenLane))]
  }

  const take = (open: readonly OpenLane[], request: ClaimRequest): Taken => {
    const [first, second] = open
    if (first === undefined) return [[], []]
    if (request.others !== undefined) return shared(open, request)
    if (second !== undefined) return takeMerged(open, request)
    const { holder, worker, until, now, limit } = request
    return [takeHead.all(holder, worker, until, now, first.queue, first.name, limit) as unknown as Cell[][], [bare(first)]]
  }

  const nextDueAt = (queues: readonly string[]): number | undefined => {
    const times = queues.map((queue) => due.nextDueAt(queue)).filter((time) => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  return {
    writes(request) {
      const { queues, names, ids, now, limit } = request
      const open = openQueues(queues)
      if (ids !== undefined && named.find(open, request).length > 0) return true
      return open.some((queue) => due.isDue(queue, now)) || (limit > 0 && ids === undefined && lanes.isAnyOpen(open, names))
    },
    // A claim that a power loss undoes only leaves the task pending: the worker that had it lost its power too.
    durable: false,
    run({ askedAt, ...asked }) {
      const request: ClaimRequest = { ...asked, until: leaseEnd(asked.until, askedAt) }
      const queues = openQueues(request.queues)
      for (const queue of queues) if (due.isDue(queue, request.now)) due.promote(queue, request.now)
      const [taken, from] =
        request.ids === undefined
          ? take(request.limit > 0 ? lanes.open(queues, request.names) : [], request)
          : named.take(named.find(queues, request), request)
      // A statement returns rows in the order in which it met them, which is not the order of the line.
      taken.sort((a, b) => (b[1] as number) - (a[1] as number) || (a[claimWidth] as number) - (b[claimWidth] as number))
      return [taken, from, nextDueAt(queues), request.until]
    },
  }
}

/** Several holders in one call: of the line each gets what follows, with a statement for each task. */
function sharedClaims(db: DatabaseSync, lanes: Lanes): (open: readonly OpenLane[], request: ClaimRequest) => Taken {
  const takeOne = rows(db, `${takeSql} (?) ${returning}`)
  return (open, request) => {
    const { until, now } = request
    const line = lanes.line(open, claimLimit(request))
    const turns = claimTurns(request, line.length)
    const taken = line.map(([lane, , seq], index) => {
      const { holder, worker } = turns[index] ?? request
      const row = takeOne.get(holder, worker, until, now, seq) as unknown as Cell[]
      return lane === 0 ? row : [...row, lane]
    })
    return [taken, open.map(bare)]
  }
}

function bare({ queue, name }: Lane): Lane {
  return { queue, name }
}
