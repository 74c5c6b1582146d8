/** The schemes of Celery: a URL of RabbitMQ or Redis joins the Celery cluster that lives there. */
import type { CelerySettingsInput } from '@lovage/broker-celery'
import { type Broker, type Clock, ConfigError, type Logger, shown } from '@lovage/core'

const scheme = /^\s*(amqps?|rediss?):\/\//i

/** What it looks like, for messages. @internal */
export const celeryExamples = ['amqp://user:password@host/vhost', 'redis://host/0'] as const

export interface CeleryConnection {
  /** `rpc://` or `redis://host/1`. Default: none, as in Celery without a `result_backend`. */
  readonly results?: string | undefined
  readonly settings?: CelerySettingsInput | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
}

/** Whether a URL names a Celery cluster. @internal */
export function isCeleryUrl(url: unknown): url is string {
  return typeof url === 'string' && scheme.test(url)
}

/**
 * Joins the cluster.
 * @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED
 * @throws {StoreError} STORE_UNAVAILABLE
 * @internal
 */
export async function openCelery(url: string, { results, settings, logger, clock }: CeleryConnection): Promise<Broker> {
  const { createCeleryBroker } = await import('@lovage/broker-celery')
  return createCeleryBroker({ url: url.trim(), results, settings, logger, clock })
}

/** Refuses options of the queue's. @throws {ConfigError} OPTION_INVALID */
export function refuseForCelery(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const message = `expected no \`${name}\` for a Celery cluster, which has no such thing, got: ${shown(value)}; leave it out`
    throw new ConfigError('OPTION_INVALID', message, { subject: name })
  }
}
