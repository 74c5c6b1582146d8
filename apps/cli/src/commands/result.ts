/** `lovage result`: where a task stands, or what it returned. */

import { withBroker } from '../connection.ts'
import { type Action, argument } from '../invocation.ts'
import { reportResult } from '../resolved-task.ts'
import { awaitResult, checkTimeout, type WaitFlags } from '../wait-for-task.ts'

export const result: Action<WaitFlags> = async (invocation) => {
  checkTimeout(invocation.options)
  const id = argument(invocation, 0)
  return withBroker(invocation, async (broker) => {
    if (invocation.options.wait) {
      const [now] = await broker.results.get([id])
      if (now !== undefined && now.state !== 'unknown') return reportResult(invocation, await awaitResult(invocation, broker, id))
    }
    const [task] = await broker.results.get([id])
    return reportResult(invocation, task ?? { id, state: 'unknown' })
  })
}
