/** How many messages a broker hands out unsettled, and to whom the number applies. */
import type { TaskQueue } from '../transport.ts'

/** As a broker says it of itself. */
export interface Server {
  readonly product: string
  readonly version: string
}

/**
 * Whether `basic.qos` is sent with `global`: one limit for all consumers of a channel, which RabbitMQ 3.3 to 3.13 calls global.
 * Elsewhere, and with quorum queues, it is a limit for each consumer. @see celery.md, section 4
 */
export function isGlobalQos(server: Server, queues: readonly TaskQueue[]): boolean {
  if (server.product !== 'RabbitMQ') return false
  const [major = 0, minor = 0] = server.version.split('.').map(Number)
  const isShared = major === 3 ? minor >= 3 : false
  return isShared && !queues.some((queue) => queue.arguments['x-queue-type'] === 'quorum')
}

/** What cannot be said on the wire is no limit. */
export function prefetchOnWire(prefetch: number): number {
  return prefetch > 65_535 ? 0 : Math.max(0, Math.floor(prefetch))
}
