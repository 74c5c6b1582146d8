/** A PostgreSQL of one's own: a fresh cluster in a temporary folder, on a port of its own. */
import { execFile } from 'node:child_process'
import { appendFileSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { type Account, accountOf, type GuardedServer, guardedServer } from './guarded-server.ts'
import { folderOf } from './installed.ts'
import { unavailable } from './unavailable.ts'

const run = promisify(execFile)

const wanted = {
  program: 'initdb',
  folders: ['/usr/lib/postgresql/*/bin', '/opt/homebrew/opt/postgresql@*/bin', '/usr/local/opt/postgresql@*/bin'],
  debianPackage: 'postgresql',
}

/** Whether this machine has PostgreSQL; on Debian as root it is installed when missing. */
export function hasPostgres(): boolean {
  return folderOf(wanted) !== undefined
}

/** A running cluster. */
export interface PrivatePostgres {
  readonly port: number
  /** The version as the server's programs tell it, for example `15.18`. */
  readonly version: string
  /** Makes an empty database and answers its URL. */
  database(): Promise<string>
  /** Kills every process of the server at once, as a crash does. */
  crash(): Promise<void>
  /** Starts it again on the same port and data, after `crash`. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Settings of postgresql.conf. What is committed survives a crash of the server, not of the machine. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Networks whose hosts may connect beside this one, for example `10.0.0.0/30`. Default none. */
  readonly networks?: readonly string[]
}

/**
 * Starts a cluster; on Debian as root PostgreSQL is installed when missing. It ends with this process, however that ends.
 * @throws {ConfigError} UNSUPPORTED where there is no PostgreSQL
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PrivatePostgres> {
  const programs = folderOf(wanted)
  if (programs === undefined) throw unavailable('PostgreSQL', 'postgresql')
  const account = accountOf('postgres')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-postgres-'))
  if (account !== undefined) chownSync(folder, account.uid, account.gid)
  try {
    return await inFolder({ programs, account, folder, options })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface Place {
  readonly programs: string
  /** Undefined where this process may run the server itself: PostgreSQL refuses to run as root. */
  readonly account: Account | undefined
  readonly folder: string
  readonly options: PostgresOptions
}

async function inFolder({ programs, account, folder, options }: Place): Promise<PrivatePostgres> {
  const data = join(folder, 'data')
  const program = (name: string) => join(programs, name)
  const call = (name: string, ...args: string[]) => run(program(name), args, { ...account, cwd: folder })
  const { stdout: version } = await call('postgres', '--version')
  await call('initdb', '-D', data, '-U', 'lovage', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
  const port = await freePort()
  const networks = options.networks ?? []
  appendFileSync(join(data, 'pg_hba.conf'), networks.map((network) => `host all all ${network} trust\n`).join(''))
  const listen = networks.length === 0 ? '127.0.0.1' : '*'
  const settings = { listen_addresses: listen, unix_socket_directories: folder, fsync: 'off', ...options.settings }
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const start = (): Promise<GuardedServer> =>
    guardedServer({
      command: [program('postgres'), '-D', data, '-p', String(port), ...words],
      account,
      folder,
      isReady: (text) => text.includes('ready to accept connections'),
      stop: 'SIGINT',
    })
  let server = await start()
  let databases = 0
  return {
    port,
    version: /\d+(\.\d+)*/.exec(version)?.[0] ?? version.trim(),
    async database() {
      const name = `lovage_${process.pid}_${++databases}`
      await call('createdb', '-h', '127.0.0.1', '-p', String(port), '-U', 'lovage', name)
      return `postgres://lovage@127.0.0.1:${port}/${name}`
    },
    async crash() {
      const parent = postmaster(data)
      // From here on it has no more children. Those of a killed one find out by themselves, but only at their next wait.
      process.kill(parent, 'SIGSTOP')
      const all = [...(await childrenOf(parent)), parent]
      for (const pid of all) kill(pid)
      await server.ended()
      // Whoever holds the shared memory still keeps the next server from starting.
      for (let look = 0; look < mostLooks && (await anyRuns(all)); look++) await setTimeout(lookEveryMs)
    },
    async restart() {
      server = await start()
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function postmaster(data: string): number {
  return Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
}

const [lookEveryMs, mostLooks] = [20, 500]

/** One that has ended meanwhile is dead as well. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

/** Whether one of them has not ended; those that nobody has taken note of are at their end, too. */
async function anyRuns(pids: readonly number[]): Promise<boolean> {
  const { stdout } = await run('ps', ['-o', 'stat=', '-p', pids.join(',')]).catch(() => ({ stdout: '' }))
  return stdout.split('\n').some((state) => state !== '' && !state.startsWith('Z'))
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.filter(([, parent]) => parent === pid).map(([child]) => child as number)
}
