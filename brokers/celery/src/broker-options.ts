/** What the broker may be told. */
import { type Clock, ConfigError, checkOptionNames, type Logger, type OptionNames, shown } from '@lovage/core'
import type { CelerySettingsInput } from './settings/celery-settings.ts'

export interface CeleryBrokerOptions {
  /** `amqp://user:password@host:5672/vhost`, `amqps://`, `redis://host:6379/0`, `rediss://`. Of RabbitMQ several, tried in turn. */
  readonly url: string | readonly string[]
  /**
   * Where results are: `rpc://` (a message to whoever sent the task), or `redis://host:6379/1`. Default: nowhere, as in Celery
   * without a `result_backend`.
   */
  readonly results?: string | undefined
  /** Celery's settings by Celery's names. */
  readonly settings?: CelerySettingsInput | undefined
  /** Hears when the connection is away and back, and of messages that are none. Default: nobody. */
  readonly logger?: Logger | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
  /** Makes ids. Default: random UUIDs, as Celery's are. */
  readonly newId?: (() => string) | undefined
}

const names: OptionNames<CeleryBrokerOptions> = {
  url: true,
  results: true,
  settings: true,
  logger: true,
  clock: true,
  newId: true,
}

export type TransportKind = 'amqp' | 'redis'
export type ResultsKind = 'rpc' | 'redis' | undefined

/** The addresses of the options, and what they name. */
export interface Addresses {
  readonly urls: readonly [string, ...string[]]
  readonly transport: TransportKind
  readonly results: ResultsKind
}

/** @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED */
export function checkBrokerOptions(options: CeleryBrokerOptions): Addresses {
  checkOptionNames(options, names, 'a Celery broker')
  const [first, ...others] = [options.url].flat()
  if (first === undefined) throw new ConfigError('OPTION_INVALID', 'expected at least one `url`, got none')
  const transport = transportOf(first)
  for (const other of others) {
    if (transport === 'amqp' && transportOf(other) === 'amqp') continue
    throw new ConfigError('URL_UNSUPPORTED', `expected several addresses only of RabbitMQ, got: ${shown(withoutPassword(other))}`)
  }
  return { urls: [first, ...others], transport, results: resultsOf(options.results) }
}

function transportOf(url: string): TransportKind {
  if (typeof url === 'string' && /^(amqps?|pyamqp):\/\//i.test(url)) return 'amqp'
  if (typeof url === 'string' && /^(rediss?|redis\+socket):\/\//i.test(url)) return 'redis'
  const expected = '`amqp://user:password@host/vhost` or `redis://host/0`'
  throw new ConfigError(
    'URL_UNSUPPORTED',
    `expected the URL of a Celery broker, ${expected}, got: ${shown(withoutPassword(url))}`,
  )
}

function resultsOf(url: string | undefined): ResultsKind {
  if (url === undefined) return undefined
  if (typeof url === 'string' && /^rpc:(\/\/)?$/i.test(url)) return 'rpc'
  if (typeof url === 'string' && /^(rediss?|redis\+socket):\/\//i.test(url)) return 'redis'
  const text = `expected \`results\` to be \`rpc://\` or \`redis://host/1\`, got: ${shown(withoutPassword(url))}`
  throw new ConfigError('URL_UNSUPPORTED', text)
}

function withoutPassword(url: unknown): string {
  // A password may hold anything, even what ought to be escaped.
  return String(url).replace(/\/\/.*@/, '//')
}
