/** The event `task-sent`: what a sender says of a task when `task_send_sent_event` is on. */
import type { TaskMessage, WorkerEvent } from '@lovage/core'
import type { Publication } from '../transport.ts'

/** @param sender the name of the sending node */
export function sentEvent(
  message: TaskMessage,
  { exchange, routingKey, properties }: Publication,
  { queue, sender, now }: { readonly queue: string | undefined; readonly sender: string; readonly now: number },
): WorkerEvent {
  const { root_id, parent_id, argsrepr, kwargsrepr, retries, eta, expires } = properties.headers
  return {
    type: 'task-sent',
    at: now,
    worker: sender,
    pid: process.pid,
    id: message.id,
    name: message.name,
    root_id: root_id ?? message.id,
    parent_id: parent_id ?? null,
    args: argsrepr ?? '()',
    kwargs: kwargsrepr ?? '{}',
    retries: retries ?? 0,
    eta: eta ?? null,
    expires: expires ?? null,
    queue: queue ?? null,
    exchange,
    routing_key: routingKey,
  }
}
