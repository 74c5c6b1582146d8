/** A PgBouncer of one's own before a PostgreSQL. */
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { accountOf, guardedServer } from './guarded-server.ts'
import { folderOf } from './installed.ts'
import { unavailable } from './unavailable.ts'

const wanted = { program: 'pgbouncer', folders: ['/usr/sbin', '/opt/homebrew/bin'], debianPackage: 'pgbouncer' }

/** Whether this machine has PgBouncer; on Debian as root it is installed when missing. */
export function hasPgBouncer(): boolean {
  return folderOf(wanted) !== undefined
}

/** A running PgBouncer. */
export interface PrivatePgBouncer {
  /** The same database as that of the URL it was started with, through the pooler. */
  readonly url: string
  /** Ends it at once, with all connections through it. */
  crash(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

export interface PgBouncerOptions {
  /** For how long a client has a connection to the server for itself. Default `transaction`. */
  readonly mode?: 'session' | 'transaction'
  /** Further settings of pgbouncer.ini. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/**
 * Starts a pooler before the database of a URL; on Debian as root PgBouncer is installed when missing. It ends with this process,
 * however that ends.
 * @param postgresUrl a database that trusts its users, as those of `startPostgres` do
 * @throws {ConfigError} UNSUPPORTED where there is no PgBouncer
 */
export async function startPgBouncer(postgresUrl: string, options: PgBouncerOptions = {}): Promise<PrivatePgBouncer> {
  const programs = folderOf(wanted)
  if (programs === undefined) throw unavailable('PgBouncer', 'pgbouncer')
  const account = accountOf('postgres')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-pgbouncer-'))
  try {
    const port = await freePort()
    const file = join(folder, 'pgbouncer.ini')
    writeFileSync(join(folder, 'users.txt'), `"${new URL(postgresUrl).username}" ""\n`)
    writeFileSync(file, configuration(new URL(postgresUrl), { folder, port, options }))
    if (account !== undefined) chownSync(folder, account.uid, account.gid)
    const server = await guardedServer({
      command: [join(programs, 'pgbouncer'), file],
      account,
      folder,
      isReady: (text) => text.includes('process up'),
      stop: 'SIGINT',
    })
    const url = new URL(postgresUrl)
    url.port = String(port)
    return {
      url: url.href,
      crash: () => server.kill(),
      async stop() {
        await server.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface Place {
  readonly folder: string
  readonly port: number
  readonly options: PgBouncerOptions
}

function configuration(server: URL, { folder, port, options }: Place): string {
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users.txt'),
    pool_mode: options.mode ?? 'transaction',
    max_client_conn: 500,
    default_pool_size: 20,
    ...options.settings,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  return ['[databases]', `* = host=${server.hostname} port=${server.port}`, '[pgbouncer]', ...lines, ''].join('\n')
}
