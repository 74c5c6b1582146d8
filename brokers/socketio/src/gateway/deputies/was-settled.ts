/** Whether a worker has ended a run already: what it told another gateway may be written though the answer never came. */
import type { RunRef, Task } from '@lovage/core'

/** How workers end runs; `released` is left out, for gateways do that, too. */
const outcomes = ['completed', 'failed', 'retried', 'rejected']

export function wasSettled(task: Task | undefined, { run }: Pick<RunRef, 'run'>, worker: string): boolean {
  if (task === undefined) return false
  const isLast = (task.state === 'completed' || task.state === 'failed') && task.run === run && task.worker === worker
  return isLast || task.runs.some((one) => one.run === run && one.worker === worker && outcomes.includes(one.outcome))
}
