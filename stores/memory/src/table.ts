/** The table: every row under every index, kept true through one door. */
import { awaitedTasks, isResolved, type QueueCount, type Task, type TaskState } from '@lovage/core'
import { Heap } from './heap.ts'
import { KeyIndex } from './key-index.ts'
import { Lanes } from './lanes.ts'
import { Ledger } from './ledger.ts'
import type { Row } from './row.ts'

export class Table {
  readonly ledger = new Ledger()
  readonly lanes = new Lanes()
  readonly keys = new KeyIndex()
  /** Running tasks by the end of their lease. */
  readonly leases = new Heap<Row>()
  /** Unresolved tasks by deadline. */
  readonly deadlines = new Heap<Row>()
  readonly #rows = new Map<string, Row>()
  readonly #scheduled = new Map<string, Heap<Row>>()
  readonly #holders = new Map<string, Set<Row>>()
  readonly #counts = new Map<string, Map<TaskState, number>>()
  #seq = 0
  /** How to take back what was written, step by step; only during an attempt. */
  #undo: (() => void)[] | undefined

  row(id: string): Row | undefined {
    return this.#rows.get(id)
  }

  /** What a holder runs. */
  heldBy(holder: string): ReadonlySet<Row> {
    return this.#holders.get(holder) ?? new Set()
  }

  /** The scheduled tasks of a queue by due time. */
  scheduled(queue: string): Heap<Row> | undefined {
    return this.#scheduled.get(queue)
  }

  scheduledQueues(): readonly string[] {
    return [...this.#scheduled.keys()]
  }

  /** @param blockedBy the dependencies that hold it back; none when undefined */
  add(task: Task, blockedBy?: Set<Row>): Row {
    const row: Row = { seq: ++this.#seq, task: Object.freeze(task), blockedBy, removed: false }
    this.#rows.set(task.id, row)
    this.ledger.append(row)
    for (const dependency of blockedBy ?? []) block(row, dependency)
    if (!isResolved(task.state)) this.#need(row)
    this.#enter(row)
    this.#undo?.push(() => this.#withdraw(row))
    return row
  }

  /** Replaces the task of a row, whatever changed. */
  put(row: Row, task: Task): Task {
    const before = row.task
    this.#leave(row)
    row.task = Object.freeze(task)
    this.#enter(row)
    this.#undo?.push(() => this.put(row, before))
    if (task.state !== 'blocked') for (const dependency of row.blockedBy ?? []) this.free(row, dependency)
    if (isResolved(before.state) !== isResolved(task.state)) this.#need(row)
    return row.task
  }

  /** Replaces the task of a row where nothing changed that its places in the indexes depend on. */
  amend(row: Row, changes: Partial<Task>): void {
    const before = row.task
    this.#undo?.push(() => {
      row.task = before
    })
    row.task = Object.freeze({ ...row.task, ...changes })
  }

  /** Notes that a dependency no longer holds the row back; answers how many still do. */
  free(row: Row, dependency: Row): number {
    row.blockedBy?.delete(dependency)
    dependency.blocking?.delete(row)
    this.#undo?.push(() => block(row, dependency))
    return row.blockedBy?.size ?? 0
  }

  /** Notes that a dependency holds the row back again. */
  holdBack(row: Row, dependency: Row): void {
    block(row, dependency)
    this.#undo?.push(() => this.free(row, dependency))
  }

  /** Does the work; when it answers false or throws, everything it wrote is taken back. */
  attempt(work: () => boolean): void {
    const undo: (() => void)[] = []
    this.#undo = undo
    let kept = false
    try {
      kept = work()
    } finally {
      this.#undo = undefined
      if (!kept) for (const step of undo.reverse()) step()
    }
  }

  /** Removes a resolved row that nobody unresolved depends on. */
  remove(row: Row): void {
    this.#leave(row)
    this.#rows.delete(row.task.id)
    row.removed = true
    this.ledger.remove()
  }

  counts(): readonly QueueCount[] {
    const all: QueueCount[] = []
    for (const [queue, states] of this.#counts) {
      for (const [state, count] of states) {
        if (count === 0) continue
        all.push(state === 'pending' ? { queue, state, count, oldestAt: this.lanes.oldestAt(queue) } : { queue, state, count })
      }
    }
    return all
  }

  #withdraw(row: Row): void {
    for (const dependency of row.blockedBy ?? []) dependency.blocking?.delete(row)
    for (const id of awaitedTasks(row.task.extras)) this.#rows.get(id)?.neededBy?.delete(row)
    this.remove(row)
  }

  #enter(row: Row): void {
    const { task } = row
    this.#count(task, 1)
    this.keys.add(row)
    if (task.deadline !== undefined && !isResolved(task.state)) row.deadline = this.deadlines.push(row, task.deadline)
    if (task.state === 'pending') this.lanes.add(row)
    else if (task.state === 'scheduled') row.due = entryFor(this.#scheduled, task.queue, newHeap).push(row, task.dueAt ?? 0)
    else if (task.state === 'running') {
      row.lease = this.leases.push(row, task.takenUntil ?? 0)
      entryFor(this.#holders, task.holder ?? '', newSet).add(row)
    }
  }

  #leave(row: Row): void {
    const { task } = row
    this.#count(task, -1)
    this.keys.remove(row)
    this.lanes.remove(row)
    if (row.deadline !== undefined) this.deadlines.remove(row.deadline)
    row.deadline = undefined
    if (row.due !== undefined) {
      const line = this.#scheduled.get(task.queue)
      line?.remove(row.due)
      row.due = undefined
      if (line?.size === 0) this.#scheduled.delete(task.queue)
    }
    if (row.lease !== undefined) {
      this.leases.remove(row.lease)
      row.lease = undefined
      const held = this.#holders.get(task.holder ?? '')
      held?.delete(row)
      if (held?.size === 0) this.#holders.delete(task.holder ?? '')
    }
  }

  #count(task: Task, by: 1 | -1): void {
    const states = entryFor(this.#counts, task.queue, newCounts)
    states.set(task.state, (states.get(task.state) ?? 0) + by)
  }

  /** Notes with its dependencies whether the row still needs them. */
  #need(row: Row): void {
    for (const id of awaitedTasks(row.task.extras)) {
      const dependency = this.#rows.get(id)
      if (dependency === undefined) continue
      if (isResolved(row.task.state)) dependency.neededBy?.delete(row)
      else {
        dependency.neededBy ??= new Set()
        dependency.neededBy.add(row)
      }
    }
  }
}

const newHeap = (): Heap<Row> => new Heap()
const newSet = (): Set<Row> => new Set()
const newCounts = (): Map<TaskState, number> => new Map()

function entryFor<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function block(row: Row, dependency: Row): void {
  row.blockedBy ??= new Set()
  row.blockedBy.add(dependency)
  dependency.blocking ??= new Set()
  dependency.blocking.add(row)
}
