/** Claim: due tasks join the lanes, the most urgent ones go to the holder. */
import { beginMatters, type ClaimReply, type ClaimRequest, decide } from '@lovage/core'
import { RippleLog, transition } from './ripple.ts'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

/** @param isPaused tells whether a queue gives nothing now */
export function claimTasks(table: Table, request: ClaimRequest, isPaused: (queue: string) => boolean): ClaimReply {
  const { now, until } = request
  const claimants = [request, ...(request.others ?? [])]
  const limit = claimants.reduce((sum, one) => sum + one.limit, 0)
  const queues = [...new Set(request.queues)].filter((queue) => !isPaused(queue))
  const log = new RippleLog()
  for (const queue of queues) promoteDue(table, queue, now, log)
  const rows = request.ids === undefined ? table.lanes.take(queues, request.names, limit) : named(table, queues, request)
  const turns = claimants.flatMap((one) => Array.from({ length: Math.min(one.limit, rows.length) }, () => one))
  const tasks = rows.map((row, index) => {
    const { task } = row
    const { holder, worker } = turns[index] ?? request
    const startedAt = beginMatters(task) ? undefined : now
    return table.put(row, { ...task, state: 'running', run: task.run + 1, holder, worker, startedAt, takenUntil: until })
  })
  return { tasks, nextDueAt: nextDueAt(table, queues) }
}

/** Those that are asked for by id and pending. */
function named(table: Table, queues: readonly string[], { ids = [], names, limit }: ClaimRequest): readonly Row[] {
  const rows = [...new Set(ids)].map((id) => table.row(id)).filter((row) => row?.task.state === 'pending') as Row[]
  return rows
    .filter(({ task }) => queues.includes(task.queue) && (names === undefined || names.includes(task.name)))
    .sort((a, b) => b.task.priority - a.task.priority || a.seq - b.seq)
    .slice(0, limit)
}

/** Makes the tasks of a queue whose time has come pending. */
export function promoteDue(table: Table, queue: string, now: number, log: RippleLog): void {
  for (;;) {
    const first = table.scheduled(queue)?.first()
    if (first === undefined || first.rank > now) return
    const decision = decide(first.item.task, { type: 'due' }, now)
    if (!decision.ok) return
    transition(table, first.item, decision.patch, log)
  }
}

/** When the next scheduled task of the queues is due. */
export function nextDueAt(table: Table, queues: readonly string[]): number | undefined {
  let next: number | undefined
  for (const queue of queues) {
    const rank = table.scheduled(queue)?.first()?.rank
    if (rank !== undefined && (next === undefined || rank < next)) next = rank
  }
  return next
}
