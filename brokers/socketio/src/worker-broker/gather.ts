/** Gathers what is said in one turn of the event loop, to say it in one message. */

export class Gather<Item> {
  readonly #flush: (items: readonly Item[]) => void
  #items: Item[] = []

  constructor(flush: (items: readonly Item[]) => void) {
    this.#flush = flush
  }

  add(item: Item): void {
    this.#items.push(item)
    if (this.#items.length === 1) setImmediate(() => this.now())
  }

  /** At once. */
  now(): void {
    const items = this.#items
    this.#items = []
    if (items.length > 0) this.#flush(items)
  }
}
