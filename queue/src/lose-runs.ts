/** Takes running tasks from a holder that is gone: they go elsewhere at once, late settlements are fenced off. */
import { decide, type RunRef, type Task } from '@lovage/core'
import type { Engine } from './engine.ts'

const pageSize = 1000

/** @param startedBefore only runs claimed at this time or before; default all. Answers what was taken. */
export async function loseRuns(
  engine: Engine,
  holder: string,
  startedBefore = Number.POSITIVE_INFINITY,
): Promise<readonly RunRef[]> {
  const { store, announcer, clock } = engine
  const taken: RunRef[] = []
  let cursor: string | undefined
  do {
    const page = await store.find({
      holder,
      states: ['running'],
      limit: pageSize,
      order: 'oldest',
      ...(cursor === undefined ? {} : { cursor }),
    })
    cursor = page.cursor
    const now = clock.now()
    const changes = page.tasks.flatMap((task) => {
      if ((task.startedAt ?? 0) > startedBefore) return []
      const decision = decide(task, { type: 'lost', how: 'lost' }, now)
      return decision.ok ? [{ id: task.id, from: task.state, run: task.run, patch: decision.patch }] : []
    })
    if (changes.length === 0) continue
    // A transaction that completes one of them, and outlives its worker, is not to keep the others.
    const reply = await store.update(changes, { kept: 'pass' })
    // Should it only have looked dead, its handlers had better stop.
    announcer.abort(
      holder,
      changes.map(({ id, run }) => ({ id, run, reason: 'lost' })),
    )
    announcer.ripple(reply)
    announcer.pending(page.tasks)
    announcer.resolved(changes.filter((change) => change.patch.state === 'exception').map((change) => change.id))
    const tasks = new Map(page.tasks.map((task) => [task.id, task]))
    changes.forEach(({ id, run, patch }, index) => {
      if (reply.applied[index] !== true) return
      taken.push({ id, run })
      announcer.changed(tasks.get(id) as Task, patch)
    })
  } while (cursor !== undefined)
  return taken
}
