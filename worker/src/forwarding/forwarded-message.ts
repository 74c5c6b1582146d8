/** What of a task goes on to another broker, and what stays behind. */
import type { DeliveredMessage, TaskMessage } from '@lovage/core'

/**
 * The message to send. What the task waited for (its time, dependencies, results that became its input) is behind it; budgets begin anew.
 * @param queue in place of the task's own
 */
export function forwardedMessage(delivered: DeliveredMessage, queue: string = delivered.queue): TaskMessage {
  const { id, name, priority, input, args, kwargs, headers } = delivered
  const { deadline, key, retryLimit, lostLimit, timeoutMs, parent, flow, http } = delivered
  const message = { id, name, queue, priority, input, args, kwargs, headers, deadline, retryLimit, lostLimit, timeoutMs }
  return { ...message, parent, flow, http, key, keyPolicy: key === undefined ? undefined : 'existing' }
}
