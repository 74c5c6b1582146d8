/** TLS as Celery's users say it: `broker_use_ssl` in settings, or `?ssl_ca_certs=FILE` behind the address of a Redis. */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { ConfigError, checkOptionNames, shown } from '@lovage/core'

/** Files of PEM, and how strictly the other side is looked at. The names with `ssl_` before them are Celery's for Redis. */
export interface TlsFiles {
  /** Who vouches for the server. Default: whom Node trusts. */
  readonly ca_certs?: string | undefined
  /** What this side shows of itself. */
  readonly certfile?: string | undefined
  readonly keyfile?: string | undefined
  /** `required` (default) and `optional` refuse a server that nobody vouches for. */
  readonly cert_reqs?: string | number | undefined
  /** The name that the server's certificate must have. Default: the host's. */
  readonly server_hostname?: string | undefined
  /** Whether the name counts. Default true. */
  readonly check_hostname?: boolean | string | undefined
  readonly ssl_ca_certs?: string | undefined
  readonly ssl_certfile?: string | undefined
  readonly ssl_keyfile?: string | undefined
  readonly ssl_cert_reqs?: string | number | undefined
  readonly ssl_check_hostname?: boolean | string | undefined
}

const names: { readonly [Name in keyof Required<TlsFiles>]: true } = {
  ca_certs: true,
  certfile: true,
  keyfile: true,
  cert_reqs: true,
  server_hostname: true,
  check_hostname: true,
  ssl_ca_certs: true,
  ssl_certfile: true,
  ssl_keyfile: true,
  ssl_cert_reqs: true,
  ssl_check_hostname: true,
}

/** Python's constants by their names, their numbers, and as they stand in addresses. */
const requirements = new Map<unknown, boolean>([
  ['required', true],
  ['CERT_REQUIRED', true],
  [2, true],
  ['optional', true],
  ['CERT_OPTIONAL', true],
  [1, true],
  ['none', false],
  ['CERT_NONE', false],
  [0, false],
])

/**
 * Files are read at once.
 * @throws {ConfigError} OPTION_INVALID
 */
export function tlsOptions(given: TlsFiles): ConnectionOptions {
  checkOptionNames(given, names, 'TLS')
  const wanted = given.cert_reqs ?? given.ssl_cert_reqs ?? 'required'
  const rejectUnauthorized = requirements.get(wanted)
  if (rejectUnauthorized === undefined) {
    const words = [...requirements.keys()].join(', ')
    throw new ConfigError('OPTION_INVALID', `expected \`ssl_cert_reqs\` to be one of ${words}, got: ${shown(wanted)}`)
  }
  const name = given.server_hostname
  const checksName = !/^(false|0|no)$/i.test(String(given.check_hostname ?? given.ssl_check_hostname ?? true))
  return {
    rejectUnauthorized,
    ...(checksName ? {} : { checkServerIdentity: () => undefined }),
    ...fileOf(given, 'ca_certs', 'ca'),
    ...fileOf(given, 'certfile', 'cert'),
    ...fileOf(given, 'keyfile', 'key'),
    ...(name === undefined ? {} : { servername: name }),
  }
}

function fileOf(given: TlsFiles, option: 'ca_certs' | 'certfile' | 'keyfile', name: 'ca' | 'cert' | 'key'): ConnectionOptions {
  const file = given[option] ?? given[`ssl_${option}`]
  if (file === undefined) return {}
  try {
    return { [name]: readFileSync(file) }
  } catch (error) {
    const message = `expected \`${option}\` to be a file that can be read, got: ${shown(file)} (${(error as Error).message})`
    throw new ConfigError('OPTION_INVALID', message, { cause: error })
  }
}
