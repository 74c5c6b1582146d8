/** The message of a retry: the same task once more (celery.md 14). */
import type { TaskRequest } from '../wire/task-message.ts'
import type { Following, TaskOrder } from './orders.ts'
import { taskResult } from './result-tree.ts'

/** Where the message of the run came from, as the transport says. */
export interface CameFrom {
  /** Empty: the default exchange. */
  readonly exchange: string
  readonly routingKey: string
  /** As the wire has it. */
  readonly priority?: number | undefined
}

/** Headers that the transport added to the message that came; those of dead-lettering are dropped as in Celery. */
const transportHeader = /^(?:x-(?:first-|last-)?death(?:-|$)|x-delivery-count$|redelivered$)/

/**
 * Everything stays, and the chord and the chain go on waiting for the same id. A task without a parent becomes its own, as in Celery.
 * @param etaMs epoch milliseconds; undefined is at once
 */
export function retried(
  request: TaskRequest,
  etaMs: number | undefined,
  from: CameFrom,
): Following & { readonly order: TaskOrder } {
  const { exchange, routingKey, priority = request.priority } = from
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !transportHeader.test(name)))
  const order: TaskOrder = {
    type: 'task',
    request: { ...request, headers, priority, etaMs, retries: request.retries + 1, parentId: request.parentId ?? request.id },
    routing: exchange === '' ? { name: request.task, queue: routingKey } : { name: request.task, exchange, routingKey },
  }
  return { order, orders: [order], children: [taskResult(request.id)] }
}
