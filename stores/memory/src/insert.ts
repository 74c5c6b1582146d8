/** Insert: ids compared by content, keys by policy, dependencies by their state. */
import {
  awaitedTasks,
  decide,
  dependencyVerdict,
  type InsertOptions,
  type InsertReply,
  type InsertResult,
  isResolved,
  type NewTask,
  type Task,
  type TaskExtras,
} from '@lovage/core'
import { RippleLog, transition } from './ripple.ts'
import { frozenCopy, type Row } from './row.ts'
import { sameJson } from './same-json.ts'
import type { Table } from './table.ts'

export function insertTasks(table: Table, tasks: readonly NewTask[], options: InsertOptions = {}): InsertReply {
  // Copied before anything is written: extras that JSON refuses must refuse the whole call.
  const extras = tasks.map((task) => (task.extras === undefined ? undefined : frozenCopy(task.extras)))
  let log = new RippleLog()
  if (options.allOrNone !== true) {
    return { results: tasks.map((task, index) => insertTask(table, task, extras[index], log)), ...log.ripple() }
  }
  let results: readonly InsertResult[] = []
  table.attempt(() => {
    const standIns = new Map<string, string>()
    results = tasks.map((task, index) => {
      const result = insertTask(table, task, withStandIns(extras[index], standIns), log)
      if (result.status === 'existing' && result.id !== task.id) standIns.set(task.id, result.id)
      else standIns.delete(task.id)
      return result
    })
    return !results.some(isRefusal)
  })
  if (results.some(isRefusal)) {
    results = results.map((result, index) =>
      isRefusal(result) ? result : { status: 'refused', id: tasks[index]?.id ?? result.id },
    )
    log = new RippleLog()
  }
  return { results, ...log.ripple() }
}

function isRefusal({ status }: InsertResult): boolean {
  return status === 'conflict' || status === 'unknown-dependency'
}

/** Notes for each dependency that was not inserted the task that was the answer to its key. */
function withStandIns(extras: TaskExtras | undefined, standIns: ReadonlyMap<string, string>): TaskExtras | undefined {
  const found = new Set(extras?.dependencies?.filter((id) => standIns.has(id)))
  if (found.size === 0) return extras
  const noted = Object.fromEntries([...found].map((id) => [id, standIns.get(id) ?? id]))
  return Object.freeze({ ...extras, standIns: Object.freeze(noted) })
}

function insertTask(table: Table, task: NewTask, extras: TaskExtras | undefined, log: RippleLog): InsertResult {
  const { id } = task
  const known = table.row(id)?.task
  if (known !== undefined) {
    return sameContent(known, task, extras)
      ? { status: 'existing', id, state: known.state }
      : { status: 'conflict', id, on: 'id' }
  }
  const holders = task.key === undefined ? [] : table.keys.holders(task.name, task.key, task.createdAt)
  const [holder] = holders
  if (holder !== undefined && task.keyPolicy !== 'replace') {
    const answer = holder.task
    if (task.keyPolicy === 'reject') return { status: 'conflict', id: answer.id, on: 'key' }
    return { status: 'existing', id: answer.id, state: answer.state }
  }
  const dependencies = new Set<Row>()
  for (const dependency of awaitedTasks(extras)) {
    const row = table.row(dependency)
    if (row === undefined) return { status: 'unknown-dependency', id, dependency }
    dependencies.add(row)
  }
  for (const row of holders) supersede(table, row, task.createdAt, log)
  const inserted = place(table, task, extras, dependencies)
  log.entered(inserted)
  return { status: 'inserted', id, state: inserted.state }
}

function sameContent(known: Task, task: NewTask, extras: TaskExtras | undefined): boolean {
  return (
    known.name === task.name &&
    known.queue === task.queue &&
    known.priority === task.priority &&
    known.input === task.input &&
    sameJson(asSent(known.extras), asSent(extras))
  )
}

function asSent(extras: TaskExtras | undefined): TaskExtras | undefined {
  if (extras?.standIns === undefined) return extras
  const { standIns: _, ...sent } = extras
  return sent
}

function supersede(table: Table, row: Row, now: number, log: RippleLog): void {
  const { holder } = row.task
  const decision = decide(row.task, { type: 'superseded' }, now)
  if (!decision.ok) {
    table.amend(row, { keyUntil: now })
    return
  }
  transition(table, row, decision.patch, log)
  log.resolved(row.task, holder)
}

/** Adds the row in the state that its dependencies and due time give it. */
function place(table: Table, task: NewTask, extras: TaskExtras | undefined, dependencies: ReadonlySet<Row>): Task {
  const blockedBy = new Set<Row>()
  let failed = false
  for (const row of dependencies) {
    const { state } = row.task
    const verdict = isResolved(state) ? dependencyVerdict(state, extras?.requires, extras?.onDependencyFailure) : 'waiting'
    if (verdict === 'waiting') blockedBy.add(row)
    failed ||= verdict === 'failed'
  }
  if (failed) {
    return table.add({ ...fresh(task, extras), state: 'exception', reason: 'dependency-failed', resolvedAt: task.createdAt }).task
  }
  if (blockedBy.size > 0) return table.add({ ...fresh(task, extras), state: 'blocked', blockers: blockedBy.size }, blockedBy).task
  const scheduled = task.dueAt !== undefined && task.dueAt > task.createdAt
  if (scheduled) return table.add({ ...fresh(task, extras), state: 'scheduled' }).task
  return table.add({ ...fresh(task, extras), dueAt: undefined }).task
}

const noRuns: Task['runs'] = Object.freeze([])

/** Every field in one order, so that all tasks have one shape in memory. */
function fresh(task: NewTask, extras: TaskExtras | undefined): Task {
  return {
    id: task.id,
    name: task.name,
    queue: task.queue,
    priority: task.priority,
    state: 'pending',
    reason: undefined,
    input: task.input,
    extras,
    run: -1,
    retries: 0,
    retryLimit: task.retryLimit,
    lost: 0,
    lostLimit: task.lostLimit,
    blockers: 0,
    dueAt: task.dueAt,
    deadline: task.deadline,
    key: task.key,
    keyUntil: task.keyUntil,
    holder: undefined,
    worker: undefined,
    takenUntil: undefined,
    createdAt: task.createdAt,
    startedAt: undefined,
    resolvedAt: undefined,
    result: undefined,
    failure: undefined,
    progress: undefined,
    runs: noRuns,
  }
}
