/** Counts: how many tasks of each queue are in each state. */
import type { QueueCount } from '@lovage/core'
import type { Query } from './database.ts'
import { stateOf } from './state-codes.ts'

const counts = {
  name: 'counts',
  text: `select queue, state, count(*), case when state = 2 then min(created_at) end from @.task group by queue, state
    union all select queue, state, count(*), null from @.history group by queue, state`,
}

/** Counts on a connection. */
export async function countTasks(query: Query): Promise<readonly QueueCount[]> {
  return (await query(counts)).map(([queue, code, count, oldestAt]) => {
    const plain = { queue: queue as string, state: stateOf(code), count: count as number }
    return typeof oldestAt === 'number' ? { ...plain, oldestAt } : plain
  })
}
