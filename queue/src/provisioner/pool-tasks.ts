/** The tasks that wait for a pool or are claimed on its queues: only those that its workers can run count. */
import type { PoolLoad, QueueCount } from '@lovage/core'
import type { Engine } from '../engine.ts'

/** How many tasks of a queue are looked at before it is asked for each name. */
const sampleSize = 20

/** What is counted. */
export interface CountedTasks {
  readonly queues: readonly string[]
  /** Undefined: any. */
  readonly names: ReadonlySet<string> | undefined
}

/** How many tasks are pending in queues that are not paused, and how many are claimed. */
export async function countTasks(engine: Engine, queues: readonly string[]): Promise<Pick<PoolLoad, 'pending' | 'claimed'>> {
  const [counts, pauses] = await Promise.all([engine.store.counts(['pending', 'running']), engine.store.records.list('paused')])
  const paused = new Set(pauses.map(({ key }) => key))
  const sum = (state: QueueCount['state'], wanted: (queue: string) => boolean) =>
    counts.reduce((total, count) => total + (count.state === state && wanted(count.queue) ? count.count : 0), 0)
  return {
    pending: sum('pending', (queue) => queues.includes(queue) && !paused.has(queue)),
    claimed: sum('running', (queue) => queues.includes(queue)),
  }
}

/**
 * How many of the pending tasks can be run by workers that know these names; infinity for many. Others may stay pending for ever:
 * a misspelt name must not launch workers, and stop them, again and again.
 */
export async function countClaimable({ store }: Engine, { queues, names }: CountedTasks): Promise<number> {
  if (names === undefined) return Number.POSITIVE_INFINITY
  let count = 0
  for (const queue of queues) {
    const { tasks, cursor } = await store.find({ queue, states: ['pending'], limit: sampleSize, order: 'oldest' })
    const known = tasks.filter((task) => names.has(task.name)).length
    count += known
    if (cursor === undefined) continue
    if (known > 0) return Number.POSITIVE_INFINITY
    for (const name of names) {
      const named = await store.find({ queue, states: ['pending'], name, limit: 1 })
      if (named.tasks.length > 0) return Number.POSITIVE_INFINITY
    }
  }
  return count
}
