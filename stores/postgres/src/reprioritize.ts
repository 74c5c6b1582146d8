/** Changes of priority, which stand beside the functions that change tasks: they move nothing but a task's place in line. */
import type { TaskChange, UpdateReply } from '@lovage/core'
import type { Query } from './database.ts'
import { RippleLog } from './ripple.ts'
import { stateCodes } from './state-codes.ts'
import { updateTasks } from './update.ts'

const statement = {
  name: 'reprioritize',
  text: `update @.task t set priority = c.priority
    from unnest($1::text[], $2::smallint[], $3::integer[], $4::smallint[]) with ordinality c (id, state, run, priority, place)
    where t.id = c.id and t.state + 0 = c.state and t.run = c.run returning c.place, t.queue, t.state`,
}

/** Applies changes of which some set a priority; those may change nothing else. All of them are one transaction. */
export function updateWithPriorities(
  transact: (work: (query: Query) => Promise<UpdateReply>) => Promise<UpdateReply>,
  changes: readonly TaskChange[],
): Promise<UpdateReply> {
  return transact(async (query) => {
    const ripple = new RippleLog()
    const applied: boolean[] = []
    for (let start = 0; start < changes.length; start = applied.length) {
      const part = stretch(changes, start)
      const reply = part[0]?.patch.priority === undefined ? await updateTasks(query, part) : await reprioritize(query, part)
      applied.push(...reply.applied)
      for (const queue of reply.ready) ripple.ready(queue)
      for (const notice of reply.resolved) ripple.resolved(notice)
      if (reply.dueAt !== undefined) ripple.due(reply.dueAt)
    }
    return { applied, ...ripple.end() }
  })
}

/** The changes from there on that can be made at once: of one kind, and a priority of each task once. */
function stretch(changes: readonly TaskChange[], start: number): readonly TaskChange[] {
  const first = changes[start]?.patch.priority === undefined
  const ids = new Set<string>()
  let end = start
  for (; end < changes.length; end++) {
    const { id, patch } = changes[end] as TaskChange
    if ((patch.priority === undefined) !== first || (!first && ids.has(id))) break
    ids.add(id)
  }
  return changes.slice(start, end)
}

async function reprioritize(query: Query, changes: readonly TaskChange[]): Promise<UpdateReply> {
  const rows = await query(statement, [
    changes.map(({ id }) => id),
    changes.map(({ from }) => stateCodes[from]),
    changes.map(({ run }) => run),
    changes.map(({ patch }) => patch.priority ?? null),
  ])
  const places = new Set(rows.map(([place]) => place as number))
  const ready = rows.filter(([, , state]) => state === stateCodes.pending).map(([, queue]) => queue as string)
  return { applied: changes.map((_, index) => places.has(index + 1)), ready: [...new Set(ready)], resolved: [] }
}
