/** What the RabbitMQ transport may be told. */
import type { ConnectionOptions } from 'node:tls'
import { ConfigError, type Logger, shown, silentLogger } from '@lovage/core'
import { type AmqpAddress, amqpAddress } from './amqp-address.ts'

export interface AmqpOptions {
  /** One URL or several, tried in turn: `amqp://user:password@host:5672/vhost?heartbeat=60`. */
  readonly url: string | readonly string[]
  /** Seconds; 0 is none. The broker may want less. What a URL says stands above it. Default 60. */
  readonly heartbeat?: number | undefined
  /** Milliseconds that a broker has to take a connection. Default 4000. */
  readonly connectTimeoutMs?: number | undefined
  /** Whether it goes on trying when no broker can be reached at the start. Default false: opening fails. */
  readonly retryOnStartup?: boolean | undefined
  /** How operators see the connections. Default `lovage <pid>`. */
  readonly name?: string | undefined
  /** Whether limits are for each consumer where one has a quorum queue, for which RabbitMQ refuses others. Default true. */
  readonly detectsQuorumQueues?: boolean | undefined
  /** The queues of Celery's native delayed delivery. Default none: messages that are not due wait with their consumer. */
  readonly delayQueues?: 'quorum' | 'classic' | undefined
  /** Certificates and the like, as of `node:tls`; with it every connection is one of TLS. */
  readonly tls?: ConnectionOptions | undefined
  /** Default: nothing is written. */
  readonly logger?: Logger | undefined
}

/** Options with their defaults. */
export interface AmqpSettings {
  readonly addresses: readonly AmqpAddress[]
  readonly heartbeat: number
  readonly connectTimeoutMs: number
  readonly retryOnStartup: boolean
  readonly name: string
  readonly detectsQuorumQueues: boolean
  readonly delayQueues: 'quorum' | 'classic' | undefined
  readonly tls: ConnectionOptions
  readonly logger: Logger
}

/** @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED */
export function amqpSettings(options: AmqpOptions): AmqpSettings {
  const urls = typeof options.url === 'string' ? [options.url] : options.url
  if (urls.length === 0) throw new ConfigError('OPTION_INVALID', 'expected at least one `url` of RabbitMQ, got none')
  const { heartbeat = 60, connectTimeoutMs = 4000 } = options
  if (!Number.isInteger(heartbeat) || heartbeat < 0 || heartbeat > 65_535) {
    throw new ConfigError('OPTION_INVALID', `expected \`heartbeat\` to be whole seconds, 0 to 65535, got: ${shown(heartbeat)}`)
  }
  return {
    addresses: urls.map(amqpAddress).map((address) => (options.tls === undefined ? address : { ...address, protocol: 'amqps' })),
    heartbeat,
    connectTimeoutMs,
    retryOnStartup: options.retryOnStartup ?? false,
    name: options.name ?? `lovage ${process.pid}`,
    detectsQuorumQueues: options.detectsQuorumQueues ?? true,
    delayQueues: options.delayQueues,
    tls: options.tls ?? {},
    logger: options.logger ?? silentLogger,
  }
}
