/** Lanes: the pending tasks of one queue and name, and how they make one line. */
import type { DatabaseSync } from 'node:sqlite'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'

export interface Lane {
  readonly queue: string
  readonly name: string
}

/** A lane that has tasks, with the place in the line of its first. */
export interface OpenLane extends Lane {
  readonly priority: number
  readonly seq: number
}

/** A task of the line: the number of its lane and its own. */
export type Place = readonly [lane: number, priority: number, seq: number]

export interface Lanes {
  /**
   * The lanes that have tasks, among the known names (undefined: all). Names that nobody claims cost one step each at
   * most, however many tasks they have.
   */
  open(queues: readonly string[], names: readonly string[] | undefined): readonly OpenLane[]
  /** Whether `open` would find any. */
  isAnyOpen(queues: readonly string[], names: readonly string[] | undefined): boolean
  /** The most urgent `limit` tasks of the lanes: by priority, then by age. */
  line(lanes: readonly OpenLane[], limit: number): readonly Place[]
}

/** For how many sets of names the order is remembered: one process has a worker or a few. */
const sorterLimit = 32

type Head = readonly [name: string, priority: number, seq: number]

/** Prepares the statements. */
export function pendingLanes(db: DatabaseSync): Lanes {
  const pending = `from task indexed by ready where state = ${stateCodes.pending} and queue = ?`
  const inLine = 'order by name, priority desc, seq limit 1'
  const from = rows(db, `select name, priority, seq ${pending} and name >= ? ${inLine}`)
  const after = rows(db, `select name, priority, seq ${pending} and name > ? ${inLine}`)
  const heads = rows(db, `select priority, seq ${pending} and name = ? order by priority desc, seq limit ? offset ?`)
  const sorted = sorter()

  function* all(queue: string): Generator<OpenLane> {
    let head = from.get(queue, '') as Head | undefined
    for (; head !== undefined; head = after.get(queue, head[0]) as Head | undefined) yield laneOf(queue, head)
  }

  /** Leapfrog of two sorted lists: each seek skips all known names below the next lane, or all lanes below the next name. */
  function* some(queue: string, names: readonly string[]): Generator<OpenLane> {
    for (let place = 0; place < names.length; place++) {
      const head = from.get(queue, names[place] as string) as Head | undefined
      if (head === undefined) return
      if (head[0] === names[place]) yield laneOf(queue, head)
      else while (place + 1 < names.length && compareBytes(names[place + 1] as string, head[0]) < 0) place++
    }
  }

  function* lanesOf(queues: readonly string[], names: readonly string[] | undefined): Generator<OpenLane> {
    for (const queue of queues) yield* names === undefined ? all(queue) : some(queue, sorted(names))
  }

  return {
    open: (queues, names) => [...lanesOf(queues, names)],
    isAnyOpen: (queues, names) => lanesOf(queues, names).next().done === false,
    line(lanes, limit) {
      const more = (lane: number, count: number, skip: number): Place[] => {
        const { queue, name } = lanes[lane] as OpenLane
        const found = heads.all(queue, name, count, skip) as unknown as [number, number][]
        return found.map(([priority, seq]) => [lane, priority, seq])
      }
      return merged(lanes, limit, more)
    },
  }
}

/**
 * Merges lanes from their heads on, looking only into those that turn out to be urgent: as long as all of a lane that was
 * seen stands in the line, what comes next in it may stand there too.
 */
function merged(
  lanes: readonly OpenLane[],
  limit: number,
  more: (lane: number, count: number, skip: number) => readonly Place[],
): readonly Place[] {
  let line: readonly Place[] = lanes.map(({ priority, seq }, lane) => [lane, priority, seq] as const)
  const seen = lanes.map(() => 1)
  const step = Math.ceil(limit / lanes.length)
  for (;;) {
    line = line.toSorted((a, b) => b[1] - a[1] || a[2] - b[2]).slice(0, limit)
    const unread = lanes.map(() => 0)
    for (const [lane] of line) unread[lane] = (unread[lane] as number) + 1
    const found: Place[] = []
    for (const [lane, standing] of unread.entries()) {
      const known = seen[lane] as number
      // Whatever comes after the last one of a full line in that one's own lane is too late.
      if (standing < known || (line.length === limit && line.at(-1)?.[0] === lane)) continue
      const count = Math.min(limit - known, Math.max(known, step))
      const places = more(lane, count, known)
      found.push(...places)
      seen[lane] = places.length < count ? Number.POSITIVE_INFINITY : known + count
    }
    if (found.length === 0) return line
    line = [...line, ...found]
  }
}

function laneOf(queue: string, [name, priority, seq]: Head): OpenLane {
  return { queue, name, priority, seq }
}

/** Sorts names as the index has them. Workers ask for the same names again and again. */
function sorter(): (names: readonly string[]) => readonly string[] {
  const known = new Map<string, readonly string[]>()
  return (names) => {
    const key = JSON.stringify(names)
    let sorted = known.get(key)
    if (sorted === undefined) {
      sorted = [...new Set(names)].sort(compareBytes)
      if (known.size === sorterLimit) known.clear()
      known.set(key, sorted)
    }
    return sorted
  }
}

/** SQLite's order of texts (bytes of UTF-8), which beyond the 16-bit plane is not JavaScript's. */
function compareBytes(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let at = 0; at < end; at++) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (one !== other) return inBytes(one) - inBytes(other)
  }
  return a.length - b.length
}

/** Moves the halves of characters beyond the plane behind all others. */
function inBytes(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}
