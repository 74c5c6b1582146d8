/** The key index: which tasks hold a unique key. */
import { isResolved, type Task } from '@lovage/core'
import type { Row } from './row.ts'

export class KeyIndex {
  readonly #holders = new Map<string, Set<Row>>()

  /** Notes the row when its task holds its key. */
  add(row: Row): void {
    if (!holdsKey(row.task)) return
    const slot = slotOf(row.task.name, row.task.key)
    const holders = this.#holders.get(slot)
    if (holders === undefined) this.#holders.set(slot, new Set([row]))
    else holders.add(row)
  }

  remove(row: Row): void {
    if (row.task.key === undefined) return
    const slot = slotOf(row.task.name, row.task.key)
    const holders = this.#holders.get(slot)
    if (holders?.delete(row) === true && holders.size === 0) this.#holders.delete(slot)
  }

  /** Whether the row holds its key at this time. */
  isHeldBy(row: Row, now: number): boolean {
    const { name, key } = row.task
    return key !== undefined && this.holders(name, key, now).includes(row)
  }

  /** The rows that hold the key at this time, oldest first. More than one only after a rerun, or past a window. */
  holders(name: string, key: string, now: number): readonly Row[] {
    const held: Row[] = []
    for (const row of this.#holders.get(slotOf(name, key)) ?? []) {
      if (row.task.keyUntil === undefined || now < row.task.keyUntil) held.push(row)
    }
    return held.sort((a, b) => a.seq - b.seq)
  }
}

/** A window outlives the task; without one the key is free once the task is resolved. A superseded task has handed it on. */
function holdsKey(task: Task): boolean {
  return task.key !== undefined && task.reason !== 'superseded' && (task.keyUntil !== undefined || !isResolved(task.state))
}

function slotOf(name: string, key: string | undefined): string {
  return `${name}\n${key}`
}
