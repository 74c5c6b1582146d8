/** The schemes of URLs: which text opens what. Stores load only when their scheme is named. */
import { resolve } from 'node:path'
import { ConfigError, checkOptionNames, type Duration, durationMs, type Logger, type OptionNames, shown } from '@lovage/core'
import type { Backend } from './backend.ts'
import { celeryExamples, isCeleryUrl } from './celery.ts'
import { checkSignalUrl, withBroker } from './signal-broker.ts'
import { isServerUrl, serverExample } from './socketio.ts'

/** Options that reach the store. */
export interface BackendOptions {
  /**
   * SQLite: `full` (default) survives a power loss, `normal` only a crash of the process; a power loss may undo the last
   * moments.
   */
  readonly synchronous?: 'full' | 'normal' | undefined
  /** Begin a new file, or new tables, where there are none. Default true; false refuses with STORE_UNAVAILABLE. */
  readonly create?: boolean | undefined
  /** Create and update the schema when opening. Default true. */
  readonly migrate?: boolean | undefined
  /** A broker beside the store, for wake-ups and the notice of crashes: `amqp://user:password@host/vhost`. Default: none. */
  readonly signal?: string | undefined
  /**
   * How often PostgreSQL or RabbitMQ hear that a worker goes on. One that is frozen, or whose host vanished, is lost after three of
   * these; a killed one at once. Default 5 s, at least 1 s.
   */
  readonly heartbeat?: Duration | undefined
  /** Hears when RabbitMQ, or PostgreSQL's session for wake-ups, is away and back. Default: a warning of the process. */
  readonly logger?: Logger | undefined
}

/** @internal */
export const backendOptionNames: OptionNames<BackendOptions> = {
  synchronous: true,
  create: true,
  migrate: true,
  signal: true,
  heartbeat: true,
  logger: true,
}

interface Scheme {
  /** An example of it, for messages. */
  readonly example: string
  /** @param location what follows `scheme:` */
  open(location: string, options: BackendOptions): Promise<Backend>
  /** Absent where there is no schema. */
  facts?(location: string): Promise<StoreFacts>
}

/** What a store says of itself before it is opened. */
export interface StoreFacts {
  /** The file, absolute; undefined for stores elsewhere. */
  readonly path?: string | undefined
  /** The version of its schema (0: there is no store yet) and the one that this Lovage writes. */
  readonly schema: { readonly current: number; readonly latest: number }
}

/** Every scheme of this version. */
const schemes: Readonly<Record<string, Scheme>> = {
  sqlite: {
    example: 'sqlite:./lovage.db',
    async open(location, options) {
      const path = filePath(location)
      const { synchronous, create, migrate } = options
      const { sqliteBackend } = await import('@lovage/store-sqlite')
      return sqliteBackend(path, { synchronous, create, migrate })
    },
    async facts(location) {
      const path = resolve(filePath(location))
      const { sqliteSchema } = await import('@lovage/store-sqlite')
      return { path, schema: await sqliteSchema(path) }
    },
  },
  postgres: {
    example: 'postgres://user@host/database',
    open: (location, options) => openPostgres(`postgres:${location}`, options),
    facts: (location) => postgresFacts(`postgres:${location}`),
  },
  postgresql: {
    example: 'postgres://user@host/database',
    open: (location, options) => openPostgres(`postgresql:${location}`, options),
    facts: (location) => postgresFacts(`postgresql:${location}`),
  },
  memory: {
    example: 'memory:',
    async open(location) {
      if (location !== '')
        throw new ConfigError('URL_UNSUPPORTED', `expected \`memory:\` alone, got: ${shown(`memory:${location}`)}`)
      const { memoryBackend } = await import('@lovage/store-memory')
      return memoryBackend()
    },
  },
}

/** An address without a host would be that of this machine, and a database without slashes a host. */
function checkAddress(url: string): void {
  if (/^postgres(ql)?:\/\/[^/]/.test(url)) return
  throw new ConfigError('URL_UNSUPPORTED', `expected \`postgres://user@host/database\`, got: ${shownUrl(url)}`)
}

async function openPostgres(url: string, { create, migrate, heartbeat, logger }: BackendOptions): Promise<Backend> {
  checkAddress(url)
  const { postgresBackend } = await import('@lovage/store-postgres')
  return postgresBackend(url, { create, migrate, heartbeat, logger })
}

async function postgresFacts(url: string): Promise<StoreFacts> {
  checkAddress(url)
  const { postgresSchema } = await import('@lovage/store-postgres')
  return { schema: await postgresSchema(url) }
}

/**
 * Opens what a URL names, without a queue on top of it: for tools that look after a store. `connect` is for everybody else.
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID, DURATION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 */
export async function openBackend(url: string, options: BackendOptions = {}): Promise<Backend> {
  checkOptionNames(options, backendOptionNames, 'openBackend')
  const { signal, logger, heartbeat } = options
  if (heartbeat !== undefined) durationMs(heartbeat, 'heartbeat')
  if (signal !== undefined) checkSignalUrl(signal)
  const { scheme, location } = splitUrl(url)
  const backend = await schemeOf(scheme, url).open(location, options)
  return signal === undefined ? backend : withBroker(backend, signal, { logger, heartbeat })
}

/**
 * Reads what the store of a URL says of itself, without changing it; undefined where there is no schema (`memory:`).
 * @throws {ConfigError} URL_UNSUPPORTED
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_BUSY, SCHEMA_NEWER
 */
export async function storeFacts(url: string): Promise<StoreFacts | undefined> {
  const { scheme, location } = splitUrl(url)
  return schemeOf(scheme, url).facts?.(location)
}

function schemeOf(scheme: string, url: string): Scheme {
  const known = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined
  if (known !== undefined) return known
  if (isCeleryUrl(url)) {
    throw new ConfigError(
      'URL_UNSUPPORTED',
      `expected the URL of a store, got a Celery cluster, which has none: ${shownUrl(url)}`,
    )
  }
  if (isServerUrl(url)) {
    throw new ConfigError(
      'URL_UNSUPPORTED',
      `expected the URL of a store, got that of a Lovage server, which keeps its own: ${shownUrl(url)}`,
    )
  }
  throw new ConfigError('URL_UNSUPPORTED', `expected ${supported()}, got the scheme ${scheme}: in ${shownUrl(url)}`)
}

/** What this version accepts, for messages. @internal */
export function supported(): string {
  const examples = new Set([...Object.values(schemes).map(({ example }) => example), ...celeryExamples, serverExample])
  return `a URL that this version supports (${[...examples].map((example) => `\`${example}\``).join(', ')})`
}

/** A URL without what is behind the scheme's user and password. @internal */
export function shownUrl(url: string): string {
  return shown(url.replace(/\/\/[^/@]*@/, '//'))
}

function splitUrl(url: string): { readonly scheme: string; readonly location: string } {
  const found = typeof url === 'string' ? /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(url.trim()) : null
  if (found !== null) return { scheme: (found[1] ?? '').toLowerCase(), location: found[2] ?? '' }
  const hint = typeof url === 'string' && url.trim() !== '' ? `; for a file write \`sqlite:${url.trim()}\`` : ''
  throw new ConfigError('URL_UNSUPPORTED', `expected ${supported()}, got: ${shown(url)}${hint}`)
}

/** `./a.db`, `a.db`, `/abs/a.db`, `///abs/a.db`. Two slashes would name a host, and files have none. */
function filePath(location: string): string {
  if (location === '')
    throw new ConfigError('URL_UNSUPPORTED', 'expected a file behind `sqlite:`, as in `sqlite:./lovage.db`, got none')
  if (location.startsWith('///')) return location.slice(2)
  if (!location.startsWith('//')) return location
  const bare = location.slice(2)
  throw new ConfigError(
    'URL_UNSUPPORTED',
    `expected \`sqlite:PATH\` or \`sqlite:///ABSOLUTE\`, got: ${shown(`sqlite:${location}`)}; did you mean \`sqlite:${bare}\` or \`sqlite:/${bare}\`?`,
  )
}
