/** The record shelf: small documents with compare-and-set, all of a call or none. */
import type { RecordWrite, StoredRecord } from '@lovage/core'

export class RecordShelf {
  readonly #kinds = new Map<string, Map<string, StoredRecord>>()

  read(kind: string, key: string): StoredRecord | undefined {
    return this.#kinds.get(kind)?.get(key)
  }

  list(kind: string): readonly StoredRecord[] {
    const records = [...(this.#kinds.get(kind)?.values() ?? [])]
    return records.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  }

  write(writes: readonly RecordWrite[]): boolean {
    // Later writes of a call see the earlier ones, but the shelf changes only when all of them may.
    const staged = new Map<string, { readonly write: RecordWrite; readonly version: number }>()
    for (const write of writes) {
      const place = JSON.stringify([write.kind, write.key])
      const version = staged.get(place)?.version ?? this.read(write.kind, write.key)?.version ?? 0
      if (write.version !== undefined && write.version !== version) return false
      staged.set(place, { write, version: write.value === null ? 0 : version + 1 })
    }
    for (const { write, version } of staged.values()) this.#put(write, version)
    return true
  }

  #put({ kind, key, value }: RecordWrite, version: number): void {
    const records = this.#kinds.get(kind) ?? new Map<string, StoredRecord>()
    if (value === null) records.delete(key)
    else records.set(key, Object.freeze({ kind, key, value, version }))
    if (records.size === 0) this.#kinds.delete(kind)
    else this.#kinds.set(kind, records)
  }
}
