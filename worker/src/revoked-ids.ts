/** The ids that were revoked by remote control before their tasks came, or before another worker heard of it. */

/** Forgotten after this long, in milliseconds. Celery's value. */
const keptMs = 10_800_000
/** The oldest go when there are more. Celery's value. */
const most = 50_000

export class RevokedIds {
  /** Id to the time it was added, oldest first. */
  readonly #added = new Map<string, number>()

  get size(): number {
    return this.#added.size
  }

  has(id: string): boolean {
    return this.#added.has(id)
  }

  add(ids: Iterable<string>, now: number): void {
    for (const id of ids) {
      this.#added.delete(id)
      this.#added.set(id, now)
    }
    for (const [id, at] of this.#added) {
      if (this.#added.size <= most && at > now - keptMs) break
      this.#added.delete(id)
    }
  }

  list(): string[] {
    return [...this.#added.keys()]
  }

  /** Id to milliseconds since it was added. */
  ages(now: number): ReadonlyMap<string, number> {
    return new Map([...this.#added].map(([id, at]) => [id, now - at]))
  }
}
