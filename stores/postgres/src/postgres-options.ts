/** What a PostgreSQL backend may be told beside its URL. */
import { ConfigError, checkOptionNames, type Duration, durationMs, type Logger, type OptionNames } from '@lovage/core'

export interface PostgresOptions {
  /** The schema that the queue's tables stand in: several queues may share one database. Default `lovage`. */
  readonly schema?: string | undefined
  /** Whether tables are made where there are none. Default true; false refuses with STORE_UNAVAILABLE. */
  readonly create?: boolean | undefined
  /** Whether tables are made and brought up to date on opening. Default true. */
  readonly migrate?: boolean | undefined
  /** The most connections at once, beside the one that listens. Default 4. */
  readonly connections?: number | undefined
  /**
   * Whether statements are prepared by name. Default: true, but false behind a pooler, which may hand out another session for each
   * transaction; true for one that keeps statements (PgBouncer from 1.21 on, with `max_prepared_statements`).
   */
  readonly prepare?: boolean | undefined
  /**
   * How often a process shows that it goes on, and the server looks whether it is there. A worker that is frozen, or whose host
   * vanished, is lost after three of these: its tasks run elsewhere. Default 5 s.
   */
  readonly heartbeat?: Duration | undefined
  /** Hears when wake-ups and the notice of crashes are lost, and when they are back. Default: a warning of the process. */
  readonly logger?: Logger | undefined
}

const names: OptionNames<PostgresOptions> = {
  schema: true,
  create: true,
  migrate: true,
  connections: true,
  prepare: true,
  heartbeat: true,
  logger: true,
}

/** Options with their defaults. */
export interface PostgresSettings {
  readonly url: string
  readonly schema: string
  readonly create: boolean
  readonly migrate: boolean
  readonly connections: number
  /** Undefined: as the server is reached. */
  readonly prepare: boolean | undefined
  readonly heartbeatMs: number
}

/**
 * Checks options and fills in what they leave out.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID
 */
export function postgresSettings(url: string, options: PostgresOptions = {}): PostgresSettings {
  checkOptionNames(options, names, 'the PostgreSQL backend')
  const { schema = 'lovage', create = true, migrate = true, connections = 4, prepare, heartbeat = 5000 } = options
  if (typeof schema !== 'string' || !/^(?!pg_)[a-z_][a-z0-9_]{0,39}$/.test(schema)) {
    throw unexpected('schema', 'a name of 1 to 40 small letters, digits and underscores, and none of PostgreSQL itself', schema)
  }
  if (!Number.isSafeInteger(connections) || connections < 1) {
    throw unexpected('connections', 'a whole number from 1', connections)
  }
  const heartbeatMs = durationMs(heartbeat, 'heartbeat')
  if (heartbeatMs < 1000) throw unexpected('heartbeat', 'at least 1 s', heartbeat)
  return { url, schema, create, migrate, connections, prepare, heartbeatMs }
}

function unexpected(option: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${JSON.stringify(value)}`)
}
