/** The ledger: all rows in order of insertion, read from either end or from a cursor. */
import type { Row } from './row.ts'

export class Ledger {
  #rows: Row[] = []
  #removed = 0

  append(row: Row): void {
    this.#rows.push(row)
  }

  /** Forgets a row that is marked as removed. */
  remove(): void {
    this.#removed++
    if (this.#removed < 1000 || this.#removed < this.#rows.length / 2) return
    this.#rows = this.#rows.filter((row) => !row.removed)
    this.#removed = 0
  }

  /** Rows after the sequence number, oldest first. */
  *after(seq: number): Generator<Row> {
    const rows = this.#rows
    for (let at = this.#firstFrom(seq + 1); at < rows.length; at++) {
      const row = rows[at]
      if (row !== undefined && !row.removed) yield row
    }
  }

  /** Rows before the sequence number, newest first. */
  *before(seq: number): Generator<Row> {
    const rows = this.#rows
    for (let at = this.#firstFrom(seq) - 1; at >= 0; at--) {
      const row = rows[at]
      if (row !== undefined && !row.removed) yield row
    }
  }

  #firstFrom(seq: number): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#rows[middle]?.seq ?? 0) < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
