/** TLS as Celery's users say it: `broker_use_ssl` in settings, or `?ssl_ca_certs=FILE` behind the address of a Redis. */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { ConfigError, checkOptionNames, shown } from '@lovage/core'

/** Files of PEM, and how strictly the other side is looked at. */
interface TlsNames {
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
}

/** With `ssl_` before them the names are Celery's for Redis. */
export type TlsFiles = TlsNames & { readonly [Name in keyof TlsNames as `ssl_${Name}`]?: TlsNames[Name] }

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
  ssl_server_hostname: true,
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

const answers = new Map<string, boolean>([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
])

/**
 * Files are read at once.
 * @param base what counts where nothing is said
 * @throws {ConfigError} OPTION_INVALID
 */
export function tlsOptions(given: TlsFiles, base: ConnectionOptions = { rejectUnauthorized: true }): ConnectionOptions {
  checkOptionNames(given, names, 'TLS')
  const required = choiceOf(given, 'cert_reqs', requirements)
  const checksName = choiceOf(given, 'check_hostname', answers)
  const { value: servername } = said(given, 'server_hostname')
  const { checkServerIdentity, ...others } = base
  const kept = checkServerIdentity === undefined || checksName === true ? others : base
  return {
    ...kept,
    ...(required === undefined ? {} : { rejectUnauthorized: required }),
    ...(checksName === false ? { checkServerIdentity: () => undefined } : {}),
    ...fileOf(given, 'ca_certs', 'ca'),
    ...fileOf(given, 'certfile', 'cert'),
    ...fileOf(given, 'keyfile', 'key'),
    ...(servername === undefined ? {} : { servername: String(servername) }),
  }
}

/** What is said of an option, and by which of its names. */
function said(given: TlsFiles, option: keyof TlsNames): { readonly name: keyof TlsFiles; readonly value: unknown } {
  const name = given[option] === undefined ? (`ssl_${option}` as const) : option
  return { name, value: given[name] }
}

function choiceOf(given: TlsFiles, option: keyof TlsNames, choices: ReadonlyMap<unknown, boolean>): boolean | undefined {
  const { name, value } = said(given, option)
  if (value === undefined) return undefined
  const choice = choices.get(value) ?? choices.get(String(value).toLowerCase())
  if (choice !== undefined) return choice
  const words = [...choices.keys()].join(', ')
  throw new ConfigError('OPTION_INVALID', `expected \`${name}\` to be one of ${words}, got: ${shown(value)}`, { subject: name })
}

function fileOf(given: TlsFiles, option: keyof TlsNames, part: 'ca' | 'cert' | 'key'): ConnectionOptions {
  const { name, value } = said(given, option)
  if (value === undefined) return {}
  try {
    return { [part]: readFileSync(String(value)) }
  } catch (error) {
    const message = `expected \`${name}\` to be a file that can be read, got: ${shown(value)} (${(error as Error).message})`
    throw new ConfigError('OPTION_INVALID', message, { cause: error, subject: name })
  }
}
