/** Sweep: due tasks become pending, and what is overdue is found. */
import type { DatabaseSync } from 'node:sqlite'
import { promotion } from './promote.ts'
import { taskColumns } from './rows.ts'
import { firstResolvedCode, stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

export type SweepPayload = readonly [now: number, limit: number]
export type SweepAnswer = readonly [overdue: readonly (readonly Cell[])[], nextAt: number | undefined, ready: readonly string[]]

/** Prepares the verb. */
export function sweepVerb(db: DatabaseSync): Verb<SweepPayload, SweepAnswer> {
  const due = promotion(db)
  const running = `from task indexed by running where state = ${stateCodes.running} and holder`
  const nextHolder = rows(db, `select holder ${running} > ? order by holder limit 1`)
  const expired = rows(db, `select seq ${running} = ? and taken_until <= ? order by taken_until limit ?`)
  const nextLease = rows(db, `select taken_until ${running} = ? and taken_until > ? order by taken_until limit 1`)
  const live = `from task indexed by deadline where deadline is not null and state < ${firstResolvedCode} and deadline`
  const late = rows(db, `select seq ${live} <= ? order by deadline limit ?`)
  const nextDeadline = rows(db, `select deadline ${live} > ? order by deadline limit 1`)
  const task = rows(db, `select ${taskColumns} from task where seq = ?`)
  const first = (row: unknown): number | undefined => (row as [number] | undefined)?.[0]

  // Workers are few, so stepping from holder to holder is cheaper than a second index on every running task.
  const holders = (): readonly string[] => {
    const all: string[] = []
    for (let row = nextHolder.get(''); row !== undefined; row = nextHolder.get(all.at(-1) as string)) {
      all.push((row as unknown as [string])[0])
    }
    return all
  }

  return {
    writes: ([now]) => due.isAnyDue(now),
    // Promoting again is what a sweep after a power loss does.
    durable: false,
    run([now, limit]) {
      const ready = due.isAnyDue(now) ? due.promoteAny(now) : []
      const found = new Set<number>()
      const times: (number | undefined)[] = [due.nextDueAtAny(), first(nextDeadline.get(now))]
      for (const holder of holders()) {
        for (const [seq] of expired.all(holder, now, limit + 1) as unknown as [number][]) found.add(seq)
        times.push(first(nextLease.get(holder, now)))
      }
      for (const [seq] of late.all(now, limit + 1) as unknown as [number][]) found.add(seq)
      if (found.size > limit) times.push(now)
      const overdue = [...found].slice(0, limit).map((seq) => task.get(seq) as unknown as Cell[])
      const known = times.filter((time) => time !== undefined)
      return [overdue, known.length === 0 ? undefined : Math.min(...known), ready]
    },
  }
}
