/** Where claimed tasks stand in their table, as far as this process knows: who settles one there needs no index to find it. */

/** A run, and the place of its row (`ctid`), which moves with every change. */
interface Placed {
  readonly run: number
  readonly place: string
}

/** What is never settled here, because it was lost, is forgotten with all the others. */
const mostPlaces = 20_000

export class Places {
  readonly #placed = new Map<string, Placed>()

  remember(id: string, run: number, place: string): void {
    if (this.#placed.size >= mostPlaces) this.#placed.clear()
    this.#placed.set(id, { run, place })
  }

  /** Where the task stood when this run of it was claimed; forgotten with the answer. */
  take(id: string, run: number): string | undefined {
    const placed = this.#placed.get(id)
    if (placed === undefined) return undefined
    this.#placed.delete(id)
    return placed.run === run ? placed.place : undefined
  }
}
