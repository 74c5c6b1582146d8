/** A row: the task as it is now, and its places in the indexes. */
import type { LogLine, Task } from '@lovage/core'
import type { HeapEntry } from './heap.ts'

export interface Row {
  /** The order of insertion. */
  readonly seq: number
  /** Frozen through and through; replaced, never changed, so it can be handed out as it is. */
  task: Task
  /** Its place in the line of its queue and name, while pending. */
  lane?: HeapEntry<Row> | undefined
  /** Its place among the scheduled tasks of its queue. */
  due?: HeapEntry<Row> | undefined
  lease?: HeapEntry<Row> | undefined
  deadline?: HeapEntry<Row> | undefined
  /** The dependencies that still hold it back; only while blocked. */
  blockedBy?: Set<Row> | undefined
  /** The blocked rows that it holds back. */
  blocking?: Set<Row> | undefined
  /** The unresolved rows that it is or stands in for a dependency of, satisfied or not: they keep it from being pruned. */
  neededBy?: Set<Row> | undefined
  lines?: LogLine[] | undefined
  /** Pruned: it only waits to be dropped from the ledger. */
  removed: boolean
}

/** Copies a value the way JSON would carry it and freezes every level of it. */
export function frozenCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) => Object.freeze(part)) as T
}
