/** Ripples: how a changed task frees or fails the tasks behind it, and the account of it. */
import { decide, dependencyVerdict, isResolved, type ResolvedNotice, type Ripple, type Task, type TaskPatch } from '@lovage/core'
import { frozenCopy, type Row } from './row.ts'
import type { Table } from './table.ts'

/** What one call set in motion. */
export class RippleLog {
  readonly #ready = new Set<string>()
  #dueAt: number | undefined
  readonly #resolved: ResolvedNotice[] = []

  /** Notes a task that came into its state in this call. */
  entered(task: Task): void {
    if (task.state === 'pending') this.#ready.add(task.queue)
    if (task.state === 'scheduled' && task.dueAt !== undefined) this.#dueAt = Math.min(task.dueAt, this.#dueAt ?? task.dueAt)
  }

  /** Notes a task that was resolved without being asked by name. */
  resolved(task: Task, holder: string | undefined): void {
    this.#resolved.push({ id: task.id, name: task.name, state: task.state, reason: task.reason, holder })
  }

  ripple(): Ripple {
    return { ready: [...this.#ready], dueAt: this.#dueAt, resolved: this.#resolved }
  }
}

/** Applies a patch, and all that follows from it for the tasks behind. */
export function transition(table: Table, row: Row, patch: TaskPatch, log: RippleLog): void {
  const wasResolved = isResolved(row.task.state)
  log.entered(table.put(row, patched(row.task, patch)))
  if (wasResolved && !isResolved(row.task.state)) holdBackAgain(table, row)
  const settled = isResolved(row.task.state) ? [row] : []
  for (let next = settled.pop(); next !== undefined; next = settled.pop()) {
    for (const dependent of [...(next.blocking ?? [])]) {
      if (meet(table, dependent, next, log)) settled.push(dependent)
    }
  }
}

/** What was satisfied by a row that is to run again waits for it anew, as far as it still waits at all. */
function holdBackAgain(table: Table, dependency: Row): void {
  for (const row of dependency.neededBy ?? []) {
    if (row.task.state !== 'blocked' || row.blockedBy?.has(dependency) === true) continue
    table.holdBack(row, dependency)
    table.amend(row, { blockers: row.blockedBy?.size ?? 1 })
  }
}

/** Tells a blocked row that a dependency is resolved; true when that resolved the row as well. */
function meet(table: Table, row: Row, dependency: Row, log: RippleLog): boolean {
  const { state, resolvedAt = 0 } = dependency.task
  if (!isResolved(state) || row.task.state !== 'blocked') return false
  const { requires, onDependencyFailure } = row.task.extras ?? {}
  const verdict = dependencyVerdict(state, requires, onDependencyFailure)
  if (verdict === 'waiting') return false
  if (verdict === 'satisfied') {
    const blockers = table.free(row, dependency)
    if (blockers > 0) {
      table.amend(row, { blockers })
      return false
    }
  }
  const decision = decide(row.task, { type: verdict === 'failed' ? 'dependency-failed' : 'unblocked' }, resolvedAt)
  if (!decision.ok) return false
  log.entered(table.put(row, patched(row.task, decision.patch)))
  if (verdict === 'failed') log.resolved(row.task, undefined)
  return verdict === 'failed'
}

function patched(task: Task, patch: TaskPatch): Task {
  const running = patch.state === 'running'
  return {
    ...task,
    state: patch.state,
    priority: patch.priority ?? task.priority,
    reason: field(task.reason, patch.reason),
    retries: patch.retries ?? task.retries,
    lost: patch.lost ?? task.lost,
    blockers: patch.state === 'blocked' ? task.blockers : 0,
    dueAt: field(task.dueAt, patch.dueAt),
    holder: running ? task.holder : undefined,
    takenUntil: running ? task.takenUntil : undefined,
    startedAt: field(task.startedAt, patch.startedAt),
    resolvedAt: field(task.resolvedAt, patch.resolvedAt),
    result: field(task.result, patch.result),
    failure: field(task.failure, patch.failure == null ? patch.failure : frozenCopy(patch.failure)),
    runs: patch.ended === undefined ? task.runs : Object.freeze([...task.runs, frozenCopy(patch.ended)]),
  }
}

/** What is absent stays, what is null is cleared. */
function field<T>(before: T | undefined, patch: T | null | undefined): T | undefined {
  return patch === undefined ? before : (patch ?? undefined)
}
