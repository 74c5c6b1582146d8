/** A RabbitMQ of one's own: a node with its own name service, cookie, ports and temporary folder. */
import { execFile } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { authorityFile, certificateFile, certify, keyFile } from './certificate.ts'
import { freePort } from './free-port.ts'
import { type Account, accountOf, type GuardedServer, guardedServer } from './guarded-server.ts'
import { folderOf } from './installed.ts'
import { unavailable } from './unavailable.ts'

const run = promisify(execFile)

/** Not /usr/sbin: what Debian puts there insists on being root. */
const wanted = {
  program: 'rabbitmq-server',
  folders: ['/usr/lib/rabbitmq/bin', '/opt/homebrew/opt/rabbitmq/sbin', '/usr/local/opt/rabbitmq/sbin'],
  debianPackage: 'rabbitmq-server',
}
const nameService = {
  program: 'epmd',
  folders: ['/usr/lib/erlang/bin', '/opt/homebrew/opt/erlang/bin', '/usr/local/opt/erlang/bin'],
  debianPackage: 'erlang-base',
}

/** Whether this machine has RabbitMQ; on Debian as root it is installed when missing. */
export function hasRabbitmq(): boolean {
  return folderOf(wanted) !== undefined
}

/** A running node. */
export interface PrivateRabbitmq {
  readonly port: number
  /** With a user and a password. */
  readonly url: string
  /** With TLS: the files that vouch for the server, and those that clients show. */
  readonly tls: { readonly authority: string; readonly certificate: string; readonly key: string } | undefined
  /** Makes an empty virtual host and answers its URL; takes about a second. */
  virtualHost(): Promise<string>
  /** Runs `rabbitmqctl` on it and answers what it says; takes about a second. */
  control(...args: readonly string[]): Promise<string>
  /** Closes every connection, as an operator or a broken network does. */
  closeConnections(): Promise<void>
  /** Makes sure that quorum queues declared by now survive a crash: RabbitMQ writes that down only every few seconds. */
  persist(): Promise<void>
  /** Kills it, as a crash does. */
  crash(): Promise<void>
  /** Ends it in order, its data kept. */
  shutDown(): Promise<void>
  /** Starts it again on the same port and data, after `crash` or `shutDown`. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

export interface RabbitmqOptions {
  /** Settings of the application `rabbit` by their names in Erlang, for example `{ consumer_timeout: 5000 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Whether other hosts may connect; the password keeps nobody out. Default false. */
  readonly isOpen?: boolean
  /** Over TLS alone, to clients that show a certificate. Needs the program `openssl`. Default false. */
  readonly tls?: boolean
}

/**
 * Starts a node; on Debian as root RabbitMQ is installed when missing. It ends with this process, however that ends.
 * @throws {ConfigError} UNSUPPORTED where there is no RabbitMQ
 */
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<PrivateRabbitmq> {
  const programs = folderOf(wanted)
  const names = folderOf(nameService)
  if (programs === undefined || names === undefined) throw unavailable('RabbitMQ', 'rabbitmq-server')
  const account = accountOf('rabbitmq')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-rabbitmq-'))
  try {
    const place: Place = { programs, names, account, folder, ports: [await freePort(), await freePort(), await freePort()] }
    if (options.tls) certify(folder, account)
    furnish(place, options)
    return await inFolder(place, options)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface Place {
  readonly programs: string
  readonly names: string
  /** Undefined where this process may run the server itself: as root it would leave files that others cannot read. */
  readonly account: Account | undefined
  readonly folder: string
  /** For AMQP, between nodes, and of the name service. */
  readonly ports: readonly [number, number, number]
}

const user = 'lovage'
const password = 'private'
const node = 'lovage@localhost'

/** The settings stand in Erlang's own format: reading the other one takes the server two seconds. */
function furnish(
  { account, folder, ports: [port] }: Place,
  { settings = {}, isOpen = false, tls = false }: RabbitmqOptions,
): void {
  const own = Object.entries(settings).map(([name, value]) => `{${name}, ${typeof value === 'string' ? `"${value}"` : value}}`)
  const listeners = `[{"${isOpen ? '0.0.0.0' : '127.0.0.1'}", ${port}}]`
  const rabbit = [
    ...(tls
      ? ['{tcp_listeners, []}', `{ssl_listeners, ${listeners}}`, `{ssl_options, [${sslOptions(folder)}]}`]
      : [`{tcp_listeners, ${listeners}}`]),
    `{default_user, <<"${user}">>}`,
    `{default_pass, <<"${password}">>}`,
    '{loopback_users, []}',
    '{log, [{console, [{enabled, true}, {level, info}]}, {file, [{enabled, false}]}]}',
    ...own,
  ]
  const files = {
    'advanced.config': `[{rabbit, [${rabbit.join(', ')}]}].\n`,
    enabled_plugins: '[].\n',
    '.erlang.cookie': `lovage${port}`,
  }
  const giveAway = (path: string) => account !== undefined && chownSync(path, account.uid, account.gid)
  giveAway(folder)
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o400 })
    giveAway(join(folder, name))
  }
}

function tlsFiles(folder: string) {
  return { authority: join(folder, authorityFile), certificate: join(folder, certificateFile), key: join(folder, keyFile) }
}

function sslOptions(folder: string): string {
  const { authority, certificate, key } = tlsFiles(folder)
  const files = `{cacertfile, "${authority}"}, {certfile, "${certificate}"}, {keyfile, "${key}"}`
  return `${files}, {verify, verify_peer}, {fail_if_no_peer_cert, true}`
}

function environmentOf({ folder, names, ports: [port, distribution, naming] }: Place): Readonly<Record<string, string>> {
  const loopback = '-kernel inet_dist_use_interface {127,0,0,1}'
  return {
    // biome-ignore lint/style/noProcessEnv: the server sees what this process sees
    PATH: `${names}:${process.env.PATH ?? ''}`,
    HOME: folder,
    ERL_EPMD_PORT: String(naming),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: node,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(folder, 'none'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: loopback,
    RABBITMQ_CTL_ERL_ARGS: loopback,
    // The script becomes the server, so that a signal to the one reaches the other.
    RUNNING_UNDER_SYSTEMD: 'true',
  }
}

/** Both in one call: starting the program is what takes the time. */
function making(virtualHost: string): string {
  const all = '<<".*">>'
  const permit = `rabbit_auth_backend_internal:set_permissions(<<"${user}">>, Name, ${all}, ${all}, ${all}, <<"${user}">>)`
  return `Name = <<"${virtualHost}">>, ok = rabbit_vhost:add(Name, <<"${user}">>), ok = ${permit}.`
}

async function inFolder(place: Place, { tls }: RabbitmqOptions): Promise<PrivateRabbitmq> {
  const { programs, names, account, folder, ports } = place
  const [port, , naming] = ports
  const environment = environmentOf(place)
  const guarded = { account, folder, environment }
  // One that a node starts by itself would outlive it.
  const nameServer = await guardedServer({
    ...guarded,
    command: [join(names, 'epmd'), '-port', String(naming), '-address', '127.0.0.1', '-d'],
    isReady: (text) => text.includes('epmd running'),
    stop: 'SIGKILL',
  })
  const start = (): Promise<GuardedServer> =>
    guardedServer({
      ...guarded,
      command: [join(programs, 'rabbitmq-server')],
      isReady: (text) => text.includes('Server startup complete'),
      stop: 'SIGTERM',
    })
  const control = async (...args: readonly string[]): Promise<string> => {
    // biome-ignore lint/style/noProcessEnv: the program sees what this process sees
    const env = { ...process.env, ...environment }
    return (await run(join(programs, 'rabbitmqctl'), ['-q', '-n', node, ...args], { ...account, cwd: folder, env })).stdout
  }
  const url = `${tls ? 'amqps' : 'amqp'}://${user}:${password}@127.0.0.1:${port}`
  let server = await start()
  let virtualHosts = 0
  return {
    port,
    url,
    tls: tls ? tlsFiles(folder) : undefined,
    control,
    async virtualHost() {
      const name = `lovage_${++virtualHosts}`
      await control('eval', making(name))
      return `${url}/${name}`
    },
    async closeConnections() {
      await control('close_all_connections', '--global', 'closed for a test')
    },
    async persist() {
      await control('eval', '[ok = dets:sync(Table) || Table <- dets:all()], ok.')
    },
    crash: () => server.kill(),
    shutDown: () => server.stop(),
    async restart() {
      server = await start()
    },
    async stop() {
      await server.kill()
      await nameServer.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
