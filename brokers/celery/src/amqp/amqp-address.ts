/** Where a broker is: a URL as Celery users write it. */
import { ConfigError, checkOptionNames, shown } from '@lovage/core'

/** One broker of several that may be tried. */
export interface AmqpAddress {
  readonly protocol: 'amqp' | 'amqps'
  readonly hostname: string
  readonly port: number | undefined
  readonly username: string
  readonly password: string
  readonly vhost: string
  /** Seconds, if the URL says so. */
  readonly heartbeat: number | undefined
  /** For people: without user and password. */
  readonly shown: string
}

const protocols: Readonly<Record<string, AmqpAddress['protocol']>> = {
  'amqp:': 'amqp',
  'pyamqp:': 'amqp',
  'amqps:': 'amqps',
}
const queryNames = { heartbeat: true }

/**
 * Reads `amqp://user:password@host:port/vhost?heartbeat=60`. What is left out is as with kombu: localhost, guest, guest, `/`.
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID
 * @see https://www.rabbitmq.com/docs/uri-spec
 */
export function amqpAddress(url: string): AmqpAddress {
  const parts = URL.canParse(url) ? new URL(url) : undefined
  const protocol = parts === undefined ? undefined : protocols[parts.protocol]
  if (parts === undefined || protocol === undefined) {
    const got = shown(String(url).replace(/\/\/.*@/, '//'))
    throw new ConfigError('URL_UNSUPPORTED', `expected \`amqp://user:password@host/vhost\` or amqps:, got: ${got}`)
  }
  const query = Object.fromEntries(parts.searchParams)
  checkOptionNames(query, queryNames, 'the URL of RabbitMQ')
  const host = parts.hostname === '' ? 'localhost' : parts.hostname
  return {
    protocol,
    hostname: host.replace(/^\[|\]$/g, ''),
    port: parts.port === '' ? undefined : Number(parts.port),
    username: decoded(parts.username) || 'guest',
    password: decoded(parts.password) || 'guest',
    vhost: decoded(parts.pathname.slice(1)) || '/',
    heartbeat: query.heartbeat === undefined ? undefined : seconds(query.heartbeat),
    shown: `${protocol}://${host}${parts.port === '' ? '' : `:${parts.port}`}${parts.pathname.length > 1 ? parts.pathname : ''}`,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function seconds(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new ConfigError('OPTION_INVALID', `expected \`heartbeat\` of the URL to be whole seconds, got: ${shown(text)}`)
}
