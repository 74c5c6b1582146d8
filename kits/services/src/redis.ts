/** A Redis of one's own: a server with its own port, its own password and a temporary folder. */
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authorityFile, certificateFile, certify, keyFile } from './certificate.ts'
import { freePort } from './free-port.ts'
import { type Account, accountOf, type GuardedServer, guardedServer } from './guarded-server.ts'
import { folderOf } from './installed.ts'
import { unavailable } from './unavailable.ts'

const wanted = {
  program: 'redis-server',
  folders: ['/opt/homebrew/opt/redis/bin', '/usr/local/opt/redis/bin'],
  debianPackage: 'redis-server',
}

/** Whether this machine has Redis; on Debian as root it is installed when missing. */
export function hasRedis(): boolean {
  return folderOf(wanted) !== undefined
}

export interface RedisServerOptions {
  /** Every write stands in a file before it is answered, so that `crash` and `restart` keep it. Default false: nothing is kept. */
  readonly durable?: boolean
  /** Default: none is asked for. */
  readonly password?: string
  /** Over TLS, with a certificate that only `certificate` of the answer vouches for. Needs the program `openssl`. Default false. */
  readonly tls?: boolean
}

/** A running server. */
export interface PrivateRedis {
  readonly port: number
  /** With its password, without a database: number 0. */
  readonly url: string
  /** The file of the authority that signed for it, where TLS is on. */
  readonly certificate: string | undefined
  /** A socket of the machine that leads to it, too. */
  readonly socket: string
  /** Kills it, as a crash does. */
  crash(): Promise<void>
  /** Ends it in order, its data kept where it is durable. */
  shutDown(): Promise<void>
  /** Starts it again on the same port and data, after `crash` or `shutDown`. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

/**
 * Starts a server; on Debian as root Redis is installed when missing. It ends with this process, however that ends.
 * @throws {ConfigError} UNSUPPORTED where there is no Redis
 */
export async function startRedis(options: RedisServerOptions = {}): Promise<PrivateRedis> {
  const programs = folderOf(wanted)
  if (programs === undefined) throw unavailable('Redis', 'redis-server')
  const account = accountOf('redis')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-redis-'))
  try {
    if (account !== undefined) chownSync(folder, account.uid, account.gid)
    if (options.tls) certify(folder, account)
    return await inFolder({ program: join(programs, 'redis-server'), account, folder, port: await freePort() }, options)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface Place {
  readonly program: string
  readonly account: Account | undefined
  readonly folder: string
  readonly port: number
}

async function inFolder(place: Place, options: RedisServerOptions): Promise<PrivateRedis> {
  const { program, account, folder, port } = place
  const start = (): Promise<GuardedServer> =>
    guardedServer({
      command: [program, ...settingsOf(place, options)],
      account,
      folder,
      isReady: (text) => text.includes('Ready to accept connections'),
      stop: 'SIGTERM',
    })
  let server = await start()
  const login = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`
  return {
    port,
    url: `${options.tls ? 'rediss' : 'redis'}://${login}127.0.0.1:${port}`,
    certificate: options.tls ? join(folder, authorityFile) : undefined,
    socket: join(folder, socketFile),
    crash: () => server.kill(),
    shutDown: () => server.stop(),
    async restart() {
      server = await start()
    },
    async stop() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const socketFile = 'redis.sock'

function settingsOf({ folder, port }: Place, { durable, password, tls }: RedisServerOptions): readonly string[] {
  const files = ['--tls-cert-file', certificateFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', authorityFile]
  return [
    ...['--bind', '127.0.0.1', '--dir', folder, '--unixsocket', socketFile, '--save', ''],
    ...(tls ? ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...files] : ['--port', String(port)]),
    ...(durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
    ...(password === undefined ? [] : ['--requirepass', password]),
  ]
}
