/** What a task of the HTTP queue says beyond the columns of a task, and the names by which it goes there. */

/** Dates are ISO texts as `Date.prototype.toJSON` writes them. */
export interface HttpTask {
  readonly schedulerId: string
  readonly projectId: string
  readonly taskGroupId: string
  readonly routes: readonly string[]
  readonly requires: 'all-completed' | 'all-resolved'
  /** As it was sent, 7 to 1; the task's own may have been changed since. */
  readonly priority: number
  readonly created: string
  readonly expires: string
  readonly scopes: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly extra: Readonly<Record<string, unknown>>
  /** Its dependencies as they were sent, where it is one of them: then it waits until it is scheduled by hand. */
  readonly selfDependent?: readonly string[]
}

/** The name of a task whose payload names no native task: only those ask for it who take any task of a queue. */
export const httpPayloadName = 'http.payload'

/** How the holders of runs begin that were claimed over HTTP: nobody's liveness stands behind them. */
export const httpHolderPrefix = 'http:'

/** The time that tasks are scheduled for which wait until someone schedules them: 9999-12-31T00:00:00Z. */
export const byHandAt = 253_402_214_400_000

/** Parts the name of a queue at its first slash; a queue without one belongs to the provisioner `-`. */
export function splitQueue(queue: string): { readonly provisionerId: string; readonly workerType: string } {
  const slash = queue.indexOf('/')
  if (slash < 0) return { provisionerId: '-', workerType: queue }
  return { provisionerId: queue.slice(0, slash), workerType: queue.slice(slash + 1) }
}

/** Parts the name of a worker, `id@group`, at its last at sign; one without it belongs to the group `-`. */
export function splitWorker(worker: string): { readonly workerGroup: string; readonly workerId: string } {
  const at = worker.lastIndexOf('@')
  if (at < 0) return { workerGroup: '-', workerId: worker }
  return { workerGroup: worker.slice(at + 1), workerId: worker.slice(0, at) }
}
