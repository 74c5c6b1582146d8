/** The last runs of a worker that have ended: enough to tell a second report of the same without a look into the store. */
import type { RunRef } from '@lovage/core'

const remembered = 200

export class EndedRuns {
  readonly #places = new Map<string, { readonly place: number; readonly run: number }>()
  /** Ids of tasks, the oldest at the next place. */
  readonly #ids: string[] = []
  #next = 0

  add({ id, run }: RunRef): void {
    const place = this.#next
    this.#next = (place + 1) % remembered
    const oldest = this.#ids[place]
    if (oldest !== undefined && this.#places.get(oldest)?.place === place) this.#places.delete(oldest)
    this.#ids[place] = id
    this.#places.set(id, { place, run })
  }

  /** The last run of the task that has ended. */
  runOf(id: string): number | undefined {
    return this.#places.get(id)?.run
  }
}
