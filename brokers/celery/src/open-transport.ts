/** Opens the transport that a URL names; its library loads only then. */
import type { Clock, Logger } from '@lovage/core'
import type { Addresses } from './broker-options.ts'
import type { CelerySettings } from './settings/celery-settings.ts'
import { hasQuorumQueue } from './settings/quorum.ts'
import { tlsOptions } from './tls-options.ts'
import type { Transport } from './transport.ts'

export interface TransportSurroundings {
  readonly settings: CelerySettings
  readonly logger: Logger
  readonly clock: Clock
}

/** @throws {LovageError} OPTION_INVALID, URL_UNSUPPORTED, STORE_UNAVAILABLE */
export async function openTransport(
  { urls, transport }: Addresses,
  { settings, logger, clock }: TransportSurroundings,
): Promise<Transport> {
  const { broker_heartbeat: heartbeat, broker_transport_options: options, broker_use_ssl: ssl } = settings
  const tls = ssl === undefined ? undefined : tlsOptions(ssl)
  if (transport === 'amqp') {
    const { openAmqpTransport } = await import('./amqp/amqp-transport.ts')
    const { worker_detect_quorum_queues: detectsQuorumQueues, broker_native_delayed_delivery_queue_type: type } = settings
    const delayQueues = hasQuorumQueue(settings) ? type : undefined
    return openAmqpTransport({ url: urls, heartbeat, detectsQuorumQueues, delayQueues, logger, tls })
  }
  const { openRedisTransport } = await import('./redis/redis-transport.ts')
  return openRedisTransport({ url: urls[0], options, clock, tls })
}
