/** Promotes scheduled tasks whose time has come. */
import type { DatabaseSync } from 'node:sqlite'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/**
 * A call promotes at most so many: a million tasks due at once must not hold the write lock for seconds. What is left is
 * reported as due, so the caller comes again.
 */
const promoteLimit = 10_000

export interface Promotion {
  /** Whether a task of the queue is due. */
  isDue(queue: string, now: number): boolean
  promote(queue: string, now: number): void
  /** When the next of the queue is due. */
  nextDueAt(queue: string): number | undefined
  /** As above, for all queues. */
  isAnyDue(now: number): boolean
  /** Answers the queues in which tasks became pending. */
  promoteAny(now: number): readonly string[]
  nextDueAtAny(): number | undefined
}

/** Prepares the statements. */
export function promotion(db: DatabaseSync): Promotion {
  const first = rows(
    db,
    `select due_at from task indexed by scheduled where state = ${stateCodes.scheduled} and queue = ? order by due_at limit 1`,
  )
  const firstAny = rows(
    db,
    `select due_at from task indexed by due where state = ${stateCodes.scheduled} order by due_at limit 1`,
  )
  const set = `update task set state = ${stateCodes.pending}, due_at = null where seq in`
  const promote =
    db.prepare(`${set} (select seq from task indexed by scheduled where state = ${stateCodes.scheduled} and queue = ?
    and due_at <= ? order by due_at limit ${promoteLimit})`)
  const promoteAny = rows(
    db,
    `${set} (select seq from task indexed by due where state = ${stateCodes.scheduled} and due_at <= ? order by due_at limit ${promoteLimit})
    returning queue`,
  )
  const at = (row: unknown): number | undefined => (row as Cell[] | undefined)?.[0] as number | undefined
  const isBy = (due: number | undefined, now: number): boolean => due !== undefined && due <= now
  return {
    isDue: (queue, now) => isBy(at(first.get(queue)), now),
    promote: (queue, now) => void promote.run(queue, now),
    nextDueAt: (queue) => at(first.get(queue)),
    isAnyDue: (now) => isBy(at(firstAny.get()), now),
    promoteAny: (now) => [...new Set((promoteAny.all(now) as unknown as string[][]).map(([queue]) => queue as string))],
    nextDueAtAny: () => at(firstAny.get()),
  }
}
