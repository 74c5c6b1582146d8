/** The options of a SQLite store, checked and with their defaults. */
import { resolve } from 'node:path'
import { ConfigError, checkOptionNames, type OptionNames } from '@lovage/core'
import type { ThreadOptions } from './wire.ts'

export interface SqliteOptions {
  /**
   * `full`: what is acknowledged survives a power loss. `normal`: it survives a crash of the process, but a power loss or
   * a crash of the system may undo the last moments (the file stays sound). Default `full`.
   */
  readonly synchronous?: 'full' | 'normal' | undefined
  /** Begin a new file where there is none. Default true; false refuses, so that who only looks leaves nothing behind. */
  readonly create?: boolean | undefined
  /** Create the tables in a new file and bring those of an older Lovage up to date. Default true. */
  readonly migrate?: boolean | undefined
  /** How long a write waits while other processes have the lock. Default 30,000. */
  readonly busyTimeoutMs?: number | undefined
  /** How long leases go on being renewed while the event loop is blocked. Default 300,000 (5 minutes). */
  readonly blockedLimitMs?: number | undefined
}

const optionNames: OptionNames<SqliteOptions> = {
  synchronous: true,
  create: true,
  migrate: true,
  busyTimeoutMs: true,
  blockedLimitMs: true,
}

/** Checks path and options. @throws {ConfigError} OPTION_INVALID */
export function threadOptions(path: string, options: SqliteOptions = {}): ThreadOptions {
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    const got = JSON.stringify(path)
    throw new ConfigError(
      'OPTION_INVALID',
      `expected \`path\` to name a file, got: ${got}. Use \`memory:\` for a queue without a file.`,
    )
  }
  checkOptionNames(options, optionNames, 'a SQLite store')
  const { synchronous = 'full', create = true, migrate = true, busyTimeoutMs = 30_000, blockedLimitMs = 300_000 } = options
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw new ConfigError('OPTION_INVALID', `expected \`synchronous\` to be full or normal, got: ${String(synchronous)}`)
  }
  return {
    path: resolve(path),
    synchronous,
    create,
    migrate,
    isReopened: false,
    busyTimeoutMs: milliseconds(busyTimeoutMs, 'busyTimeoutMs'),
    blockedLimitMs: milliseconds(blockedLimitMs, 'blockedLimitMs'),
  }
}

function milliseconds(value: number, name: string): number {
  if (Number.isFinite(value) && value >= 0) return value
  throw new ConfigError('OPTION_INVALID', `expected \`${name}\` to be a number of milliseconds from 0, got: ${String(value)}`)
}
