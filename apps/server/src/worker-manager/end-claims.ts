/** The end of a worker's claims: what it runs goes elsewhere at once, however it was claimed. */
import type { Client } from '@lovage/client'
import type { PoolWorker } from '@lovage/core'

const pageSize = 500

/**
 * Takes from a worker what it began to run until now. A worker has a holder for each of its starts; they are looked for among
 * what runs on the queue of its pool, and the one under which it was launched is known.
 */
export async function endClaims(client: Client, worker: PoolWorker, now: number): Promise<void> {
  const { desk } = client
  if (desk === undefined) return
  const holders = new Set(worker.incarnation === undefined ? [] : [worker.incarnation])
  const name = `${worker.workerId}@${worker.workerGroup}`
  let cursor: string | undefined
  do {
    const page = await client.find({ queue: worker.workerPoolId, states: ['running'], limit: pageSize, cursor })
    for (const task of page.tasks) if (task.worker === name && task.holder !== undefined) holders.add(task.holder)
    cursor = page.cursor
  } while (cursor !== undefined)
  for (const holder of holders) await desk.lose(holder, now)
}
