/** A request of Celery's as the message that a worker of Lovage's gets. */
import type { DeliveredMessage } from '@lovage/core'
import { lovagePriority, type PriorityScale } from '../settings/priority.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { inputHeader, retriesHeader } from './outgoing-task.ts'

const noHeaders: Readonly<Record<string, unknown>> = Object.freeze({})

/** @param now epoch milliseconds; Celery's messages do not say when they were sent */
export function deliveredMessage(request: TaskRequest, queue: string, scale: PriorityScale, now: number): DeliveredMessage {
  const { headers } = request
  const form = headers[inputHeader]
  const isInput = form === 'kwargs' || form === 'args'
  const retryLimit = headers[retriesHeader]
  return {
    id: request.id,
    name: request.task,
    queue,
    priority: lovagePriority(request.priority, scale),
    input: isInput ? (form === 'kwargs' ? request.kwargs : request.args[0]) : undefined,
    args: isInput ? undefined : request.args,
    kwargs: isInput ? undefined : request.kwargs,
    headers: ownHeaders(headers),
    at: request.etaMs,
    deadline: request.expiresMs,
    retryLimit: Number.isInteger(retryLimit) ? Number(retryLimit) : undefined,
    timeoutMs: request.hardLimitMs,
    softTimeoutMs: request.softLimitMs,
    parent: request.parentId,
    run: request.retries,
    retries: request.retries,
    lost: 0,
    sentAt: now,
  }
}

/** The sender's headers without Lovage's own. */
function ownHeaders(headers: TaskRequest['headers']): Readonly<Record<string, unknown>> {
  let isEmpty = true
  for (const _ in headers) {
    isEmpty = false
    break
  }
  if (isEmpty) return noHeaders
  if (!(inputHeader in headers) && !(retriesHeader in headers)) return headers
  const { [inputHeader]: _input, [retriesHeader]: _retries, ...own } = headers
  return own
}
