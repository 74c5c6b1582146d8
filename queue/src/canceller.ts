/** Changes that an operator asks for by id: cancel, and run again. */
import { decide, isResolved, type Task, type TaskChange, type TaskEvent } from '@lovage/core'
import type { Engine } from './engine.ts'

/** A task may move on between reading and writing; so often is it looked at again. */
const attempts = 10
const pageSize = 1000

/**
 * Applies one event to each task, reading it first and trying again when it moved in between. Answers per id whether the
 * event took effect; false for unknown tasks and those in a state that refuses it.
 */
export async function applyToTasks(engine: Engine, ids: readonly string[], event: TaskEvent): Promise<readonly boolean[]> {
  const done = new Set<string>()
  let open = [...new Set(ids)]
  for (let attempt = 0; attempt < attempts && open.length > 0; attempt++) {
    const moved: string[] = []
    for (let i = 0; i < open.length; i += pageSize) await applyPage(engine, open.slice(i, i + pageSize), event, done, moved)
    open = moved
  }
  return ids.map((id) => done.has(id))
}

async function applyPage(
  engine: Engine,
  ids: readonly string[],
  event: TaskEvent,
  done: Set<string>,
  moved: string[],
): Promise<void> {
  const { store, clock } = engine
  const now = clock.now()
  const tasks: Task[] = []
  const changes: TaskChange[] = []
  for (const task of await store.get(ids)) {
    if (task === undefined) continue
    const decision = decide(task, event, now)
    if (!decision.ok) continue
    tasks.push(task)
    changes.push({ id: task.id, from: task.state, run: task.run, patch: decision.patch })
  }
  if (changes.length === 0) return
  const reply = await store.update(changes)
  engine.announcer.ripple(reply)
  const applied = tasks.filter((_, index) => reply.applied[index] === true)
  for (const task of applied) done.add(task.id)
  tasks.forEach((task, index) => {
    if (reply.applied[index] !== true) moved.push(task.id)
  })
  announceApplied(engine, applied, changes)
}

function announceApplied({ announcer }: Engine, applied: readonly Task[], changes: readonly TaskChange[]): void {
  const states = new Map(changes.map((change) => [change.id, change.patch.state]))
  announcer.resolved(applied.filter((task) => isResolved(states.get(task.id) ?? task.state)).map((task) => task.id))
  announcer.ready(new Set(applied.filter((task) => states.get(task.id) === 'pending').map((task) => task.queue)))
  for (const { id, run, holder } of applied) if (holder !== undefined) announcer.abort(holder, [{ id, run, reason: 'cancelled' }])
}
