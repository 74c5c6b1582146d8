/**
 * Where the lines of pending tasks begin, as far as this process knows.
 *
 * While somebody holds an old snapshot, what was claimed cannot be cleared away, and whoever looks for the first pending task
 * walks over all of it. So a look from the very beginning, which alone finds everything, may take a twentieth of the time; in
 * between, claims begin where the last ones ended. As long as such a look is cheap, every claim is one.
 */
import type { Value } from './database.ts'

/** How many dead entries of the index a look from the beginning may walk over, and beside that for each task that it found. */
const cheapSteps = 2000
const cheapStepsPerTask = 4

/** A look from the beginning may be so many times shorter than the time until the next. */
const share = 20

/** The most lanes that are remembered. */
const laneLimit = 1000

/** A claimed task, as far as its place in line goes. */
export interface Place {
  readonly queue: string
  readonly name: string
  readonly priority: number
  readonly seq: number
}

/** What looking for candidates took: dead entries of the index that were walked over, and time. */
export interface Look {
  readonly steps: number
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
  lanes(queues: readonly string[], names: readonly string[] | undefined): Lanes | undefined {
    if (this.#now() >= this.#fullAt) return undefined
    const known = [...this.#floors.values()].filter(
      ({ queue, name }) => queues.includes(queue) && (names === undefined || names.includes(name)),
    )
    return [
      known.map(({ queue }) => queue),
      known.map(({ name }) => name),
      known.map(({ priority }) => priority),
      known.map(({ seq }) => seq),
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
  learn(taken: Iterable<Place>, look: Look | undefined): void {
    let count = 0
    for (const place of taken) {
      count++
      const key = JSON.stringify([place.queue, place.name, place.priority])
      const known = this.#floors.get(key)
      if (known === undefined && this.#floors.size >= laneLimit) this.#floors.clear()
      if (known === undefined || known.seq <= place.seq) this.#floors.set(key, { ...place, seq: place.seq + 1 })
    }
    if (look === undefined) return
    this.#fullAt = look.steps <= cheapSteps + count * cheapStepsPerTask ? 0 : this.#now() + look.ms * share
  }
}
