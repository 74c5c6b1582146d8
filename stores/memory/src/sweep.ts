/** Sweep: due tasks become pending, and what is overdue is found. */
import type { SweepReply } from '@lovage/core'
import { nextDueAt, promoteDue } from './claim.ts'
import { RippleLog } from './ripple.ts'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

export function sweepTasks(table: Table, now: number, limit: number): SweepReply {
  const log = new RippleLog()
  const queues = table.scheduledQueues()
  for (const queue of queues) promoteDue(table, queue, now, log)
  const leases = table.leases.upTo(now)
  const deadlines = table.deadlines.upTo(now)
  const overdue = new Set<Row>([...leases.items, ...deadlines.items])
  const next = [leases.next, deadlines.next, nextDueAt(table, queues)].filter((time) => time !== undefined)
  return {
    overdue: [...overdue].slice(0, limit).map((row) => row.task),
    nextAt: next.length === 0 ? undefined : Math.min(...next),
    ready: log.ripple().ready,
  }
}
