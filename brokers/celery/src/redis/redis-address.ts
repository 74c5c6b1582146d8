/** Where Redis is, as the URLs of Celery say it. */
import type { ConnectionOptions } from 'node:tls'
import { ConfigError, shown } from '@lovage/core'
import { tlsOptions } from '../tls-options.ts'

export interface RedisAddress {
  readonly host: string
  readonly port: number
  /** A socket of this machine, instead of host and port. */
  readonly path: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: ConnectionOptions | undefined
  /** For people: without its password. */
  readonly shown: string
}

const kinds = ['redis:', 'rediss:', 'redis+socket:', 'unix:']

/**
 * Reads `redis://user:password@host:port/database`, `rediss://...?ssl_cert_reqs=required&ssl_ca_certs=FILE` and
 * `redis+socket://:password@/path?virtual_host=database`. Files of certificates are read at once.
 * @param tls what settings say of it: every connection to a host is then one of TLS; what the URL says itself stands above it
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID
 * @see https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
 */
export function redisAddress(url: string, tls?: ConnectionOptions): RedisAddress {
  // A login without a host, as before a socket's path, is none for the standard.
  const whole = typeof url === 'string' ? url.replace(/^(redis\+socket|unix):\/\/([^/]*@)?\//, '$1://$2local/') : ''
  const parts = URL.canParse(whole) ? new URL(whole) : undefined
  if (parts === undefined || !kinds.includes(parts.protocol)) {
    const got = shown(String(url).replace(/\/\/.*@/, '//'))
    throw new ConfigError('URL_UNSUPPORTED', `expected \`redis://:password@host:6379/0\`, rediss: or redis+socket:, got: ${got}`)
  }
  const isSocket = parts.protocol === 'redis+socket:' || parts.protocol === 'unix:'
  const database = isSocket ? (parts.searchParams.get('virtual_host') ?? '') : parts.pathname.slice(1)
  return {
    host: parts.hostname === '' ? '127.0.0.1' : decodeURIComponent(parts.hostname).replace(/^\[|\]$/g, ''),
    port: parts.port === '' ? 6379 : Number(parts.port),
    path: isSocket ? decodeURIComponent(parts.pathname) : undefined,
    username: parts.username === '' ? undefined : decodeURIComponent(parts.username),
    password: parts.password === '' ? undefined : decodeURIComponent(parts.password),
    database: databaseOf(database),
    tls: isSocket ? undefined : tlsOf(parts, tls),
    shown: `${parts.protocol}//${isSocket ? '' : parts.host}${parts.pathname}`,
  }
}

function databaseOf(text: string): number {
  const number = text === '' ? 0 : Number(text.replace(/\/$/, ''))
  if (Number.isInteger(number) && number >= 0) return number
  throw new ConfigError('URL_UNSUPPORTED', `expected the number of a database after the host of Redis, got: ${shown(text)}`)
}

function tlsOf({ protocol, searchParams }: URL, tls: ConnectionOptions | undefined): ConnectionOptions | undefined {
  if (protocol !== 'rediss:') return tls
  const own = Object.fromEntries([...searchParams].filter(([name]) => name.startsWith('ssl_')))
  return tlsOptions(own, tls)
}
