/** Claim: due tasks join the line, the most urgent ones go to the holder. */
import type { ClaimReply, ClaimRequest } from '@lovage/core'
import type { ClaimFloors, Lanes, Look, Place } from './claim-floors.ts'
import type { Cell, Query, Row } from './database.ts'
import { leaseEnd } from './lease-wait.ts'
import type { Places } from './places.ts'
import { claimedColumns, placeColumn, rareColumn, taskFromClaim } from './rows.ts'
import type { SecondLook } from './second-look.ts'

const take = {
  name: 'claim',
  text: `select ${claimedColumns} from @.claim_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
}

const everything: Lanes = [null, null, null, null]

/** What a process knows from the claims before. */
export interface ClaimMemory {
  readonly floors: ClaimFloors
  readonly second: SecondLook
  readonly places: Places
}

/** Claims on a connection. */
export async function claimTasks(
  query: Query,
  { floors, second, places }: ClaimMemory,
  request: ClaimRequest,
): Promise<ClaimReply> {
  const { queues, names, holder, worker, limit, now, until } = request
  const lanes = floors.lanes(request)
  let takenUntil = until
  const rows = await query(take, (waitedMs) => {
    takenUntil = leaseEnd(until, waitedMs)
    return [queues, names ?? null, holder, worker, limit, now, takenUntil, ...(lanes ?? everything)]
  })
  const taken = rows.filter(([seq]) => seq !== null)
  const look = rows.at(-1)?.[rareColumn]
  const { steps, ms, pages, skipped, nextDueAt } = lookFrom(look)
  floors.learn(request, taken.map(placeOf), lanes === undefined ? { steps, ms, pages } : undefined)
  for (const row of taken) places.remember(row[1] as string, row[6] as number, row[placeColumn] as string)
  // The function takes what it can lock, a part at a time.
  taken.sort((a, b) => (b[4] as number) - (a[4] as number) || (a[0] as number) - (b[0] as number))
  const facts = { holder, worker, takenUntil, startedAt: now }
  const tasks = taken.map((row) => taskFromClaim(row, facts))
  const isShort = tasks.length < limit
  const againMs = second.after({ isKept: skipped && isShort, taken: tasks.length })
  const next = [
    nextDueAt,
    lanes !== undefined && isShort ? now + Math.ceil(floors.fullInMs) : null,
    // Others have something in hand, and may put it back without a word: they looked at it, or were undone.
    againMs === undefined ? null : now + againMs,
  ]
  const times = next.filter((time) => typeof time === 'number')
  return times.length === 0 ? { tasks } : { tasks, nextDueAt: Math.max(now + 1, Math.min(...times)) }
}

interface LastRow extends Look {
  readonly skipped: boolean
  readonly nextDueAt: number | null
}

function lookFrom(cell: Cell | undefined): LastRow {
  if (typeof cell !== 'string') return { steps: 0, ms: 0, pages: 0, skipped: false, nextDueAt: null }
  const [steps, ms, skipped, nextDueAt, pages] = JSON.parse(cell) as [number, number, boolean, number | null, number]
  return { steps, ms, pages, skipped, nextDueAt }
}

function placeOf([seq, , name, queue, priority]: Row): Place {
  return { seq: seq as number, name: name as string, queue: queue as string, priority: priority as number }
}
