/** A binary heap whose entries can also be taken out of the middle: the order in which tasks are served and time out. */

/** An item's place in a heap; kept by whoever wants to move or remove it later. */
export interface HeapEntry<T> {
  readonly item: T
  rank: number
  index: number
}

/** Lowest rank first. Appending in rising order costs nothing, everything else O(log n). */
export class Heap<T> {
  readonly #entries: HeapEntry<T>[] = []

  get size(): number {
    return this.#entries.length
  }

  first(): HeapEntry<T> | undefined {
    return this.#entries[0]
  }

  push(item: T, rank: number): HeapEntry<T> {
    const entry: HeapEntry<T> = { item, rank, index: this.#entries.length }
    this.#entries.push(entry)
    this.#rise(entry)
    return entry
  }

  remove(entry: HeapEntry<T>): void {
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#place(last, entry.index)
    this.#settle(last)
  }

  move(entry: HeapEntry<T>, rank: number): void {
    entry.rank = rank
    this.#settle(entry)
  }

  /** Gives the items ranked up to the bound, in no order, and the lowest rank above it; costs what it finds. */
  upTo(bound: number): { readonly items: readonly T[]; readonly next: number | undefined } {
    const items: T[] = []
    let next: number | undefined
    const open = [0]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const entry = this.#entries[at]
      if (entry === undefined) continue
      if (entry.rank > bound) {
        if (next === undefined || entry.rank < next) next = entry.rank
      } else {
        items.push(entry.item)
        open.push(2 * at + 1, 2 * at + 2)
      }
    }
    return { items, next }
  }

  #settle(entry: HeapEntry<T>): void {
    this.#rise(entry)
    this.#sink(entry)
  }

  #rise(entry: HeapEntry<T>): void {
    let at = entry.index
    while (at > 0) {
      const parent = this.#entries[(at - 1) >> 1]
      if (parent === undefined || parent.rank <= entry.rank) break
      const above = parent.index
      this.#place(parent, at)
      at = above
    }
    this.#place(entry, at)
  }

  #sink(entry: HeapEntry<T>): void {
    let at = entry.index
    for (;;) {
      const left = this.#entries[2 * at + 1]
      const right = this.#entries[2 * at + 2]
      const child = right !== undefined && left !== undefined && right.rank < left.rank ? right : left
      if (child === undefined || child.rank >= entry.rank) break
      const below = child.index
      this.#place(child, at)
      at = below
    }
    this.#place(entry, at)
  }

  #place(entry: HeapEntry<T>, index: number): void {
    entry.index = index
    this.#entries[index] = entry
  }
}
