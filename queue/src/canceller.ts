/** Changes that an operator asks for by id: cancel, and run again. */
import { decide, isResolved, type Task, type TaskChange, type TaskEvent, type TaskPatch, type TaskState } from '@lovage/core'
import type { Engine } from './engine.ts'

/** A task may move on between reading and writing; so often is it looked at again. */
const attempts = 10
const pageSize = 1000

/** What a task as it was read is to become; undefined leaves it alone. */
type Verdict = (task: Task, now: number) => TaskPatch | undefined

/**
 * Applies one event to each task, reading it first and trying again when it moved in between. Answers per id whether the
 * event took effect; false for unknown tasks and those in a state that refuses it.
 * @param from only tasks in these states; default all
 */
export function applyToTasks(
  engine: Engine,
  ids: readonly string[],
  event: TaskEvent,
  from?: readonly TaskState[],
): Promise<readonly boolean[]> {
  return changeTasks(engine, ids, (task, now) => {
    if (from?.includes(task.state) === false) return undefined
    const decision = decide(task, event, now)
    return decision.ok ? decision.patch : undefined
  })
}

/** Changes each task by what it is when it is read; as often as it takes. Answers per id whether it was changed. */
export async function changeTasks(engine: Engine, ids: readonly string[], verdict: Verdict): Promise<readonly boolean[]> {
  const done = new Set<string>()
  let open = [...new Set(ids)]
  for (let attempt = 0; attempt < attempts && open.length > 0; attempt++) {
    const moved: string[] = []
    for (let i = 0; i < open.length; i += pageSize) await changePage(engine, open.slice(i, i + pageSize), verdict, done, moved)
    open = moved
  }
  return ids.map((id) => done.has(id))
}

async function changePage(
  engine: Engine,
  ids: readonly string[],
  verdict: Verdict,
  done: Set<string>,
  moved: string[],
): Promise<void> {
  const { store, clock } = engine
  const now = clock.now()
  const tasks: Task[] = []
  const changes: TaskChange[] = []
  for (const task of await store.get(ids)) {
    if (task === undefined) continue
    const patch = verdict(task, now)
    if (patch === undefined) continue
    tasks.push(task)
    changes.push({ id: task.id, from: task.state, run: task.run, patch })
  }
  if (changes.length === 0) return
  // A transaction of a handler's that completes one of them is waited for.
  const reply = await store.update(changes, { kept: 'aside' })
  engine.announcer.ripple(reply)
  const applied = tasks.filter((_, index) => reply.applied[index] === true)
  for (const task of applied) done.add(task.id)
  tasks.forEach((task, index) => {
    if (reply.applied[index] === true) engine.announcer.changed(task, (changes[index] as TaskChange).patch)
    else moved.push(task.id)
  })
  announceApplied(engine, applied, changes)
}

function announceApplied({ announcer }: Engine, applied: readonly Task[], changes: readonly TaskChange[]): void {
  const states = new Map(changes.map((change) => [change.id, change.patch.state]))
  announcer.resolved(applied.filter((task) => isResolved(states.get(task.id) ?? task.state)).map((task) => task.id))
  announcer.pending(applied.filter((task) => states.get(task.id) === 'pending'))
  for (const { id, run, holder } of applied) {
    if (holder !== undefined && states.get(id) !== 'running') announcer.abort(holder, [{ id, run, reason: 'cancelled' }])
  }
}
