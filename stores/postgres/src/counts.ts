/** Counts: how many tasks of each queue are in each state. */
import { isResolved, type QueueCount, type TaskState, taskStates } from '@lovage/core'
import type { Query } from './database.ts'
import { stateOf } from './state-codes.ts'

const live = `select queue, state, count(*), case when state = 2 then min(created_at) end from @.task group by queue, state`

const liveCounts = { name: 'live-counts', text: live }

const allCounts = {
  name: 'counts',
  text: `${live} union all select queue, state, count(*), null from @.history group by queue, state`,
}

/** Counts on a connection. The history is walked over only for those who ask for what is in it. */
export async function countTasks(query: Query, states: readonly TaskState[] = taskStates): Promise<readonly QueueCount[]> {
  const counts = states.some(isResolved) ? allCounts : liveCounts
  return (await query(counts)).map(([queue, code, count, oldestAt]) => {
    const plain = { queue: queue as string, state: stateOf(code), count: count as number }
    return typeof oldestAt === 'number' ? { ...plain, oldestAt } : plain
  })
}
