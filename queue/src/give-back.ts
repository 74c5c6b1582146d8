/** Gives claimed tasks back: they run elsewhere, and it costs them nothing. */
import { decide, type Task, type TaskChange, type TaskEvent } from '@lovage/core'
import type { Engine } from './engine.ts'

/** Those that have moved on meanwhile are left alone. */
export async function giveBack(engine: Engine, tasks: readonly Task[]): Promise<void> {
  const changes = changesFor(tasks, { type: 'released' }, engine.clock.now())
  if (changes.length === 0) return
  const reply = await engine.store.update(changes)
  engine.announcer.ripple(reply)
  engine.announcer.pending(tasks)
  const byId = new Map(tasks.map((task) => [task.id, task]))
  changes.forEach(({ id, patch }, index) => {
    if (reply.applied[index] === true) engine.announcer.changed(byId.get(id) as Task, patch)
  })
}

/** What an event makes of each task that it concerns. */
export function changesFor(tasks: readonly Task[], event: TaskEvent, now: number): readonly TaskChange[] {
  return tasks.flatMap((task) => {
    const decision = decide(task, event, now)
    return decision.ok ? [{ id: task.id, from: task.state, run: task.run, patch: decision.patch }] : []
  })
}
