/** Changes of tasks that no open transaction keeps: whoever has to go on passes over those that one does. */
import type { TaskChange, UpdateReply } from '@lovage/core'
import { LovageError } from '@lovage/core'
import type { Database, Statement } from './database.ts'
import { RippleLog } from './ripple.ts'
import { updateTasks } from './update.ts'

const lock = 'select id from @.task where id = any ($1) order by id for update'
const free = { name: 'lock-free', text: `${lock} skip locked` }
const soon = { name: 'lock-soon', text: lock }
/** The transactions of a process that was killed end a moment after it. */
const patience = { name: '', text: `set local lock_timeout = '1s'` }

/** Changes unresolved tasks. Those that are locked are waited for a second; then nothing becomes of their changes. */
export async function updateFree(database: Pick<Database, 'transaction'>, changes: readonly TaskChange[]): Promise<UpdateReply> {
  const first = await updateLocked(database, changes, free)
  const left = changes.filter((_, index) => first.applied[index] !== true)
  if (left.length === 0) return first
  const second = await updateLocked(database, left, soon).catch((error: unknown) => {
    if (LovageError.is(error, 'STORE_BUSY')) return undefined
    throw error
  })
  if (second === undefined) return first
  const applied = [...second.applied]
  const ripple = new RippleLog()
  for (const { ready, dueAt, resolved } of [first, second]) {
    for (const queue of ready) ripple.ready(queue)
    for (const notice of resolved) ripple.resolved(notice)
    if (dueAt !== undefined) ripple.due(dueAt)
  }
  return { applied: first.applied.map((each) => each || applied.shift() === true), ...ripple.end() }
}

function updateLocked(
  database: Pick<Database, 'transaction'>,
  changes: readonly TaskChange[],
  statement: Statement,
): Promise<UpdateReply> {
  return database.transaction(async (query) => {
    if (statement === soon) await query(patience)
    const ids = new Set((await query(statement, [changes.map(({ id }) => id)])).map(([id]) => id))
    const open = changes.filter(({ id }) => ids.has(id))
    const reply = await updateTasks(query, open)
    const applied = new Set(open.filter((_, index) => reply.applied[index] === true))
    return { ...reply, applied: changes.map((change) => applied.has(change)) }
  })
}
