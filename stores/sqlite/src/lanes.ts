/** Lanes: the pending tasks of one queue and name, and how many of each a claim takes. */
import type { DatabaseSync } from 'node:sqlite'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

export interface Lane {
  readonly queue: string
  readonly name: string
}

export interface Lanes {
  /**
   * The lanes that have tasks, among the known names (undefined: all). Names that nobody claims cost one step each at
   * most, however many tasks they have.
   */
  open(queues: readonly string[], names: readonly string[] | undefined): readonly Lane[]
  /** Whether `open` would find any. */
  isAnyOpen(queues: readonly string[], names: readonly string[] | undefined): boolean
  /** How many to take from each lane so that the most urgent `limit` tasks are taken: priority, then age. */
  shares(lanes: readonly Lane[], limit: number): readonly number[]
}

/** Prepares the statements. */
export function pendingLanes(db: DatabaseSync): Lanes {
  const pending = `from task indexed by ready where state = ${stateCodes.pending} and queue = ?`
  const from = rows(db, `select name ${pending} and name >= ? order by name limit 1`)
  const after = rows(db, `select name ${pending} and name > ? order by name limit 1`)
  const heads = rows(db, `select priority, seq ${pending} and name = ? order by priority desc, seq limit ?`)
  const nameOf = (row: unknown): string | undefined => (row as [string] | undefined)?.[0]

  function* all(queue: string): Generator<Lane> {
    for (let name = nameOf(from.get(queue, '')); name !== undefined; name = nameOf(after.get(queue, name))) yield { queue, name }
  }

  /** Leapfrog of two sorted lists: each seek skips all known names below the next lane, or all lanes below the next name. */
  function* some(queue: string, sorted: readonly string[]): Generator<Lane> {
    for (let place = 0; place < sorted.length; place++) {
      const name = sorted[place] as string
      const found = nameOf(from.get(queue, name))
      if (found === undefined) return
      if (found === name) yield { queue, name }
      else while (place + 1 < sorted.length && compareBytes(sorted[place + 1] as string, found) < 0) place++
    }
  }

  function* lanesOf(queues: readonly string[], names: readonly string[] | undefined): Generator<Lane> {
    const sorted = names === undefined ? undefined : [...new Set(names)].sort(compareBytes)
    for (const queue of queues) yield* sorted === undefined ? all(queue) : some(queue, sorted)
  }

  return {
    open: (queues, names) => [...lanesOf(queues, names)],
    isAnyOpen: (queues, names) => lanesOf(queues, names).next().done === false,
    shares(lanes, limit) {
      if (lanes.length < 2) return lanes.map(() => limit)
      const line: [lane: number, priority: number, seq: number][] = []
      for (const [index, { queue, name }] of lanes.entries()) {
        for (const row of heads.all(queue, name, limit) as unknown as Cell[][]) {
          line.push([index, row[0] as number, row[1] as number])
        }
      }
      line.sort((a, b) => b[1] - a[1] || a[2] - b[2])
      const shares = lanes.map(() => 0)
      for (const [lane] of line.slice(0, limit)) shares[lane] = (shares[lane] as number) + 1
      return shares
    },
  }
}

/** SQLite's order of texts (bytes of UTF-8), which for characters beyond the 16-bit plane is not JavaScript's. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
