/** What a queue has to do, as autoscalers want to know it. */
import type { Client } from '@lovage/client'
import type { QueueInfo, TaskState } from '@lovage/core'

export interface QueueLoad {
  readonly queue: string
  readonly paused: boolean
  readonly pending: number
  readonly running: number
  readonly scheduled: number
  readonly blocked: number
  /** Tasks that need a worker now: running ones, and unless the queue is paused pending ones. */
  readonly load: number
  /** Of the pending task that has waited longest; 0 when none waits. */
  readonly oldestPendingSeconds: number
  /** Workers that take tasks from it. */
  readonly workers: number
}

/** Not resolved ones: an autoscaler asks every few seconds, and the history is long. */
const counted = ['pending', 'running', 'scheduled', 'blocked'] as const satisfies readonly TaskState[]

/** The load of all queues that there are, and of these whether there are or not: a queue without a task has none. */
export async function queueLoads(
  client: Pick<Client, 'queues' | 'workers'>,
  named: readonly string[],
  now: number,
): Promise<readonly QueueLoad[]> {
  const [queues, workers] = await Promise.all([client.queues(counted), client.workers()])
  const known = new Set(queues.map(({ queue }) => queue))
  const absent = [...new Set(named)].filter((queue) => !known.has(queue))
  const all: readonly QueueInfo[] = [...queues, ...absent.map((queue) => ({ queue, paused: false, counts: {} }))]
  return all.map((info) => {
    const { pending = 0, running = 0, scheduled = 0, blocked = 0 } = info.counts
    return {
      queue: info.queue,
      paused: info.paused,
      pending,
      running,
      scheduled,
      blocked,
      load: running + (info.paused ? 0 : pending),
      oldestPendingSeconds: Math.max(0, now - (info.oldestPendingAt ?? now)) / 1000,
      workers: workers.filter((worker) => worker.queues.includes(info.queue)).length,
    }
  })
}
