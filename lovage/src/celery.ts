/** The schemes of Celery: a URL of RabbitMQ or Redis joins the Celery cluster that lives there. */
import type { CanvasClient, CeleryBroker, CelerySettingsInput } from '@lovage/broker-celery'
import { type Client, createClient } from '@lovage/client'
import { type Clock, ConfigError, checkOptionNames, type Logger, type OptionNames, shown } from '@lovage/core'

const scheme = /^\s*(amqps?|pyamqp|rediss?|redis\+socket):\/\//i

/** What it looks like, for messages. @internal */
export const celeryExamples = ['amqp://user:password@host/vhost', 'redis://host/0'] as const

/** What joining a Celery cluster takes beside the URL. */
export interface CeleryConnection {
  /** `rpc://` or `redis://host/1`. Default: none, as in Celery without a `result_backend`. */
  readonly results?: string | undefined
  /** Celery's settings by Celery's names. */
  readonly celery?: CelerySettingsInput | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
}

/** Whether a URL names a Celery cluster. @internal */
export function isCeleryUrl(url: unknown): url is string {
  return typeof url === 'string' && scheme.test(url)
}

/** A client in a Celery cluster: chains, groups and chords of Celery's kind besides. */
export interface CeleryClient extends Client {
  readonly canvas: CanvasClient
}

const names: OptionNames<CeleryConnection> = { results: true, celery: true, logger: true, clock: true }

/**
 * Joins a Celery cluster, as `connect` does with such a URL, and answers a client with canvases.
 * @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED
 * @throws {StoreError} STORE_UNAVAILABLE
 * @example
 * const cluster = await connectCelery('amqp://localhost', { results: 'redis://localhost/1' })
 */
export async function connectCelery(url: string, options: CeleryConnection = {}): Promise<CeleryClient> {
  checkOptionNames(options, names, 'connectCelery')
  const { results, celery: settings, logger, clock } = options
  const { createCeleryBroker } = await import('@lovage/broker-celery')
  const broker: CeleryBroker = await createCeleryBroker({ url: url.trim(), results, settings, logger, clock })
  return { ...createClient(broker, { clock }), canvas: broker.canvas }
}

/** Refuses options of the queue's. @throws {ConfigError} OPTION_INVALID */
export function refuseForCelery(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const message = `expected no \`${name}\` for a Celery cluster, which has no such thing, got: ${shown(value)}; leave it out`
    throw new ConfigError('OPTION_INVALID', message, { subject: name })
  }
}
