/** A request as errbacks see it: what Python's `task.request` says, by its names. */
import { writeIsoTime } from '../wire/iso-time.ts'
import type { CeleryDelivery } from './celery-delivery.ts'

/** @param hostname of the worker: `name@host` */
export function requestFacts(
  { request, arrival }: CeleryDelivery,
  hostname: string,
): Readonly<Record<string, unknown>> & { readonly id: string } {
  const { id, task, args, kwargs, retries, etaMs, expiresMs } = request
  const { exchange, routingKey, redelivered } = arrival
  return {
    id,
    task,
    args,
    kwargs,
    retries,
    root_id: request.rootId ?? null,
    parent_id: request.parentId ?? null,
    group: request.group ?? null,
    eta: etaMs === undefined ? null : (writeIsoTime(etaMs) ?? null),
    expires: expiresMs === undefined ? null : (writeIsoTime(expiresMs) ?? null),
    origin: request.origin ?? null,
    hostname,
    delivery_info: { exchange, routing_key: routingKey, priority: request.priority ?? 0, redelivered },
  }
}
