/** A first-in first-out line whose head moves instead of its items. */

export class ReservedQueue<Item> {
  #items: (Item | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item | undefined {
    const head = this.#head
    if (head === this.#items.length) return undefined
    const item = this.#items[head]
    this.#items[head] = undefined
    this.#head = head + 1
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head >= 4096) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Takes out those that match, in order. */
  remove(matches: (item: Item) => boolean): Item[] {
    const taken: Item[] = []
    const kept: Item[] = []
    for (const item of this.list()) (matches(item) ? taken : kept).push(item)
    if (taken.length > 0) {
      this.#items = kept
      this.#head = 0
    }
    return taken
  }

  list(): readonly Item[] {
    return this.#items.slice(this.#head) as Item[]
  }
}
