/**
 * Where the lines of pending tasks begin, as far as this process knows.
 *
 * What was claimed stands in the index until it is cleared away: for a minute after a rush, or for as long as somebody holds an old
 * snapshot. Whoever looks for the first pending task walks over all of it. So a look from the very beginning, which alone finds
 * everything, may take a twentieth of the time; in between, claims begin where the last ones ended. As long as such a look is
 * cheap, every claim is one.
 */
import type { Value } from './database.ts'

/** How many dead entries of the index a look from the beginning may visit, and beside that for each task that it found. */
const cheapSteps = 2000
const cheapStepsPerTask = 4

/** How many pages of the index it may read, in the same way: those that are full of dead entries are passed without visiting one. */
const cheapPages = 50
const cheapPagesPerTask = 0.1

/** A look from the beginning may be so many times shorter than the time until the next. */
const share = 20

/** Senders commit in another order than they were numbered in: a claim begins so far before the last one's end. */
const slack = 1000

/** A claim of so few queues and names looks at every priority of each, and overlooks no line that has only just begun. */
const mostLines = 16
const priorities = [7, 6, 5, 4, 3, 2, 1]

/** The most lanes that are remembered. */
const laneLimit = 1000

/** Whose tasks a claim asks for; no names are all names. */
export interface Lines {
  readonly queues: readonly string[]
  readonly names?: readonly string[] | undefined
}

/** A claimed task, as far as its place in line goes. */
export interface Place {
  readonly queue: string
  readonly name: string
  readonly priority: number
  readonly seq: number
}

/** What looking for candidates took: dead entries of the index that were visited, pages of the index that were read, and time. */
export interface Look {
  readonly steps: number
  readonly pages: number
  readonly ms: number
}

/** Queue, name, priority and floor of lanes, each an array. */
export type Lanes = readonly [queues: Value, names: Value, priorities: Value, floors: Value]

export class ClaimFloors {
  readonly #now: () => number
  /** The seq after the last one claimed, by queue, name and priority. */
  readonly #floors = new Map<string, Place>()
  /** When everything may be looked at again. */
  #fullAt = 0

  /** @param now a clock that only moves forward, in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The lanes that a claim may keep to; undefined: look at everything. */
  lanes(lines: Lines): Lanes | undefined {
    if (this.#now() >= this.#fullAt) return undefined
    const lanes = areFew(lines) ? this.#every(lines) : this.#known(lines)
    return [
      lanes.map(({ queue }) => queue),
      lanes.map(({ name }) => name),
      lanes.map(({ priority }) => priority),
      lanes.map(({ seq }) => Math.max(0, seq - slack)),
    ]
  }

  /** For how long nothing below the floors is looked at. */
  get fullInMs(): number {
    return Math.max(0, this.#fullAt - this.#now())
  }

  /**
   * Learns from a claim.
   * @param look what the look for candidates took, if it was one at everything
   */
  learn(lines: Lines, taken: Iterable<Place>, look: Look | undefined): void {
    let count = 0
    for (const place of taken) {
      count++
      const key = keyOf(place)
      const known = this.#floors.get(key)
      if (known === undefined && this.#floors.size >= laneLimit) this.#floors.clear()
      if (known === undefined || known.seq <= place.seq) this.#floors.set(key, { ...place, seq: place.seq + 1 })
    }
    if (look === undefined) return
    const isLong = areFew(lines) && look.pages > cheapPages + count * cheapPagesPerTask
    const isDear = isLong || look.steps > cheapSteps + count * cheapStepsPerTask
    this.#fullAt = isDear ? this.#now() + look.ms * share : 0
  }

  #every({ queues, names = [] }: Lines): readonly Place[] {
    const lanes = queues.flatMap((queue) => names.flatMap((name) => priorities.map((priority) => ({ queue, name, priority }))))
    return lanes.map((lane) => this.#floors.get(keyOf(lane)) ?? { ...lane, seq: 0 })
  }

  #known({ queues, names }: Lines): readonly Place[] {
    return [...this.#floors.values()].filter(
      ({ queue, name }) => queues.includes(queue) && (names === undefined || names.includes(name)),
    )
  }
}

function areFew({ queues, names }: Lines): boolean {
  return names !== undefined && queues.length * names.length <= mostLines
}

function keyOf({ queue, name, priority }: Omit<Place, 'seq'>): string {
  return JSON.stringify([queue, name, priority])
}
