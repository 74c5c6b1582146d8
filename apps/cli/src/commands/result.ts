/** `lovage result`: where a task stands, or what it returned. */

import { withBroker } from '../connection.ts'
import { type Action, argument } from '../invocation.ts'
import { reportResult } from '../resolved-task.ts'
import { awaitResult, checkTimeout, type WaitFlags } from '../wait-for-task.ts'

export const result: Action<WaitFlags> = async (invocation) => {
  checkTimeout(invocation.options)
  const id = argument(invocation, 0)
  return withBroker(
    invocation,
    async (broker) => {
      if (invocation.options.wait) {
        const [now] = await broker.results.get([id])
        // Who keeps no tasks cannot tell one that waits from one that never was.
        if (broker.admin === undefined || (now !== undefined && now.state !== 'unknown')) {
          return reportResult(invocation, await awaitResult(invocation, broker, id), broker)
        }
      }
      const [task] = await broker.results.get([id])
      return reportResult(invocation, task ?? { id, state: 'unknown' }, broker)
    },
    { fromAnywhere: true },
  )
}
