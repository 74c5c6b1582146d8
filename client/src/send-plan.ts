/** Sending a plan: its tasks become a flow, its result is that of the task, or tasks, it ends in. */
import type { Flow, SentFlow } from './flow.ts'
import { addPlan, type Plan } from './plan.ts'
import type { WaitOptions } from './task-handle.ts'

/** A plan that was sent. */
export interface SentPlan<Output = unknown> extends SentFlow {
  /**
   * Resolves with the result of the last task; for a plan that ends in a group, with the array of results.
   * @throws {TaskError} TASK_FAILED, TASK_EXCEPTION, WAIT_TIMEOUT
   */
  result(options?: WaitOptions): Promise<Output>
}

/** @internal */
export async function sendPlan<Output>(flow: Flow, plan: Plan<never, Output>): Promise<SentPlan<Output>> {
  const end = addPlan(flow, plan)
  const sent = await flow.send()
  const result = (options?: WaitOptions): Promise<unknown> => {
    const [only, ...rest] = end.nodes.map((node) => sent.get(node))
    if (end.ends === 'one' && only !== undefined) return only.result(options)
    return Promise.all([...(only === undefined ? [] : [only]), ...rest].map((handle) => handle.result(options)))
  }
  return { ...sent, result: result as SentPlan<Output>['result'] }
}
