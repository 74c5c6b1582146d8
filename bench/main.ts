/**
 * `npm run bench -- [--rounds N] [--tasks N] [--callers N] [--only NAME,...] [--group throughput|postgres|celery|socketio|crash|scale]`: Lovage beside the raw ceiling and
 * its peers, every variant in a process of its own, round by round in turn, so that drift of the machine hits all alike.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  hasCelery,
  hasPostgres,
  hasRabbitmq,
  hasRedis,
  type PrivatePostgres,
  type PrivateRabbitmq,
  type PrivateRedis,
  startPostgres,
  startRabbitmq,
  startRedis,
} from '@lovage/services'
import { markdown, type Row } from './table.ts'
import type { Figures, Job } from './variant.ts'

const here = dirname(fileURLToPath(import.meta.url))
const tell = (line: string): void => void process.stderr.write(`${line}\n`)

interface Plan {
  readonly name: string
  readonly file: string
  readonly settings?: Readonly<Record<string, string>>
  readonly needs?: readonly (keyof Servers)[]
  /** Default 1000. */
  readonly callers?: number
}

/** The private servers of a run; absent where they cannot be had. */
interface Servers {
  readonly redis?: PrivateRedis | undefined
  readonly postgres?: PrivatePostgres | undefined
  readonly rabbitmq?: PrivateRabbitmq | undefined
}

/** A Celery cluster on one of them, and where its results are: Lovage, Python's Celery, and the same messages by hand. */
function celery(broker: 'rabbitmq' | 'redis', results: string | undefined): readonly Plan[] {
  const settings = { cluster: broker, ...(results === undefined ? {} : { keep: results }) }
  const common = { settings, needs: [broker] }
  const place = `${broker === 'rabbitmq' ? 'RabbitMQ' : 'Redis'} ${results === undefined ? 'without' : 'with'} results`
  return [
    { ...common, name: `Lovage (${place})`, file: 'lovage-celery.ts' },
    { ...common, name: `by hand (${place})`, file: broker === 'rabbitmq' ? 'raw-amqp.ts' : 'raw-redis.ts' },
    { ...common, name: `Celery prefork 2 (${place})`, file: 'python-celery.ts' },
    { ...common, name: `Celery solo (${place})`, file: 'python-celery.ts', settings: { ...settings, pool: 'solo' } },
  ]
}

/** Where a worker of the crash group works whose network is cut. */
const network = { cidr: '10.213.7.0/30', host: '10.213.7.1' }

const onPostgres = { needs: ['postgres'], callers: 100 } as const

/** The gateway of socket.io between a store and so many workers of such a capacity, beside an echo with as many in flight. */
function socketio(workers: string, capacity: string): readonly Plan[] {
  const plan = (name: string, settings: Readonly<Record<string, string>>): Plan => ({
    ...{ name: `${name} (${workers} x ${capacity})`, file: 'lovage-socketio.ts', settings: { workers, capacity, ...settings } },
  })
  return [
    { ...plan('socket.io echo', {}), file: 'echo-socketio.ts' },
    plan('gateway, memory', { store: 'memory' }),
    plan('gateway, SQLite NORMAL', { synchronous: 'normal' }),
    plan('gateway, SQLite FULL', {}),
    { ...plan('gateway, PostgreSQL', {}), needs: ['postgres'] },
  ]
}

/** A worker in the process of the broker, for what the way through a gateway adds. */
const socketioLocal: readonly Plan[] = [
  { name: 'no gateway, memory', file: 'lovage-socketio.ts', settings: { store: 'memory', local: 'true' } },
  { name: 'no gateway, SQLite NORMAL', file: 'lovage-socketio.ts', settings: { synchronous: 'normal', local: 'true' } },
  { name: 'no gateway, SQLite FULL', file: 'lovage-socketio.ts', settings: { local: 'true' } },
  { name: 'no gateway, PostgreSQL', file: 'lovage-socketio.ts', settings: { local: 'true' }, needs: ['postgres'] },
]

const socketioScale: readonly Plan[] = [
  { name: 'bare socket.io server', file: 'lovage-socketio-scale.ts', settings: { bare: 'true' } },
  { name: 'gateway, memory', file: 'lovage-socketio-scale.ts' },
]

const groups: Readonly<Record<string, readonly (readonly Plan[])[]>> = {
  throughput: [
    [
      { name: 'Lovage, FULL (default)', file: 'lovage.ts' },
      { name: 'raw node:sqlite with ids, FULL', file: 'raw-sqlite.ts', settings: { shape: 'usable' } },
      { name: 'raw node:sqlite, FULL', file: 'raw-sqlite.ts' },
      { name: 'BullMQ on Redis', file: 'bullmq.ts', needs: ['redis'] },
      { name: 'plainjob, FULL', file: 'plainjob.ts' },
    ],
    [
      { name: 'Lovage, NORMAL', file: 'lovage.ts', settings: { synchronous: 'normal' } },
      { name: 'raw node:sqlite with ids, NORMAL', file: 'raw-sqlite.ts', settings: { shape: 'usable', synchronous: 'normal' } },
      { name: 'raw node:sqlite, NORMAL', file: 'raw-sqlite.ts', settings: { synchronous: 'normal' } },
      { name: 'plainjob, NORMAL', file: 'plainjob.ts', settings: { synchronous: 'normal' } },
    ],
  ],
  postgres: [
    [
      { name: 'Lovage', file: 'lovage.ts', ...onPostgres },
      { name: 'Lovage and RabbitMQ', file: 'lovage.ts', needs: ['postgres', 'rabbitmq'], callers: 100 },
      {
        name: 'Lovage and RabbitMQ, no events',
        file: 'lovage.ts',
        settings: { events: 'false' },
        needs: ['postgres', 'rabbitmq'],
        callers: 100,
      },
      { name: 'raw pg, by hand', file: 'raw-postgres.ts', ...onPostgres },
      { name: 'graphile-worker, tuned', file: 'graphile-worker.ts', ...onPostgres },
      { name: 'pg-boss, tuned', file: 'pg-boss.ts', ...onPostgres },
      { name: 'BullMQ on PostgreSQL', file: 'bullmq.ts', settings: { on: 'postgres' }, ...onPostgres },
      { name: 'BullMQ on Redis', file: 'bullmq.ts', needs: ['redis'], callers: 100 },
    ],
  ],
  celery: [celery('rabbitmq', undefined), celery('rabbitmq', 'rpc://'), celery('redis', undefined), celery('redis', '/1')],
  socketio: [socketio('10', '50'), socketio('100', '1'), socketioLocal, socketioScale],
  crash: [
    [
      { name: 'one file', file: 'lovage-crash.ts' },
      { name: 'PostgreSQL', file: 'lovage-crash.ts', needs: ['postgres'] },
      { name: 'PostgreSQL and RabbitMQ', file: 'lovage-crash.ts', needs: ['postgres', 'rabbitmq'] },
    ],
  ],
  scale: [
    [{ name: 'Lovage, FULL', file: 'lovage-scale.ts' }],
    [{ name: 'Lovage on PostgreSQL', file: 'lovage-postgres-scale.ts', needs: ['postgres'] }],
  ],
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '100000' },
    only: { type: 'string' },
    group: { type: 'string' },
    callers: { type: 'string' },
  },
})

function installPeers(): void {
  if (['bullmq', 'graphile-worker'].every((name) => existsSync(join(here, 'node_modules', name)))) return
  tell('installing the peers (bench/package.json)')
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], { cwd: here, stdio: 'ignore' })
}

/** Makes what is published: a worker in a process of its own runs that. */
function build(): void {
  const words = [join(here, '../node_modules/typescript/bin/tsc'), '-b', 'lovage']
  const { status } = spawnSync(process.execPath, words, { cwd: join(here, '..'), stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) tell('`tsc -b lovage` has complaints: what is measured is what it made nevertheless')
}

function runOnce(plan: Plan, settings: Readonly<Record<string, string>>): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
  const job: Job = {
    directory,
    tasks: Number(values.tasks),
    callers: Number(values.callers ?? plan.callers ?? 1000),
    probes: 200,
    settings: { ...settings, ...plan.settings },
  }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(here, 'child.ts'), join(here, 'variants', plan.file), JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.once('exit', (code) => {
      rmSync(directory, { recursive: true, force: true })
      if (code === 0) resolve(JSON.parse(text.trim().split('\n').at(-1) ?? '{}') as Figures)
      else reject(new TypeError(`${plan.name} ended with ${code}`))
    })
  })
}

/** Gives a run what it needs of the servers: a database of its own. Undefined where there is no such server. */
async function places(plan: Plan, servers: Servers): Promise<Readonly<Record<string, string>> | undefined> {
  const { needs = [], settings: { cluster, keep } = {} } = plan
  const { redis, postgres, rabbitmq } = servers
  if (needs.some((need) => servers[need] === undefined)) return undefined
  const settings: Record<string, string> = {}
  if (cluster !== undefined) {
    if (plan.file.startsWith('python') && !hasCelery()) return undefined
    settings.url = (cluster === 'redis' ? redis?.url : await rabbitmq?.virtualHost()) ?? ''
    if (keep !== undefined) settings.results = keep === 'rpc://' ? keep : `${redis?.url}${keep}`
    return settings
  }
  if (needs.includes('redis')) settings.redis = String(redis?.port)
  if (rabbitmq !== undefined && needs.includes('rabbitmq')) {
    settings.rabbitmq = rabbitmq.url
    settings.networkSignal = atHost(new URL(rabbitmq.url))
  }
  if (needs.includes('postgres') && postgres !== undefined) {
    const url = new URL(await postgres.database())
    settings.postgres = url.href
    settings.network = atHost(url)
  }
  return settings
}

/** Where it is for a worker whose network can be cut. */
function atHost(url: URL): string {
  const seen = new URL(url)
  seen.hostname = network.host
  return seen.href
}

async function runTable(plans: readonly Plan[], servers: Servers): Promise<void> {
  const rows = plans.map((plan) => ({ plan, runs: [] as Figures[] }))
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const { plan, runs } of rows) {
      const settings = await places(plan, servers)
      if (settings === undefined) continue
      const figures = await runOnce(plan, settings)
      runs.push(figures)
      tell(`round ${round}: ${plan.name}: ${JSON.stringify(figures)}`)
    }
  }
  const measured: Row[] = rows.filter((row) => row.runs.length > 0).map((row) => ({ name: row.plan.name, runs: row.runs }))
  if (measured.length > 0) process.stdout.write(`\n${markdown(measured)}\n`)
}

function isChosen({ name }: Plan): boolean {
  return values.only === undefined || values.only.split(',').some((part) => name.includes(part))
}

const tables = Object.entries(groups)
  .flatMap(([name, group]) => (values.group === undefined || values.group === name ? group : []))
  .map((plans) => plans.filter(isChosen))
const wanted = tables.flat()
if (wanted.length === 0) {
  tell(
    `expected --group of ${Object.keys(groups).join(', ')} and --only of parts of their names, got none of them: nothing is measured`,
  )
  process.exit(2)
}
if (wanted.some(({ file }) => !/^(lovage|raw|python|echo)/.test(file))) installPeers()
if (wanted.some(({ file }) => file === 'lovage-celery.ts')) build()
const needs = (server: keyof Servers): boolean => wanted.some((plan) => plan.needs?.includes(server))
const servers: Servers = {
  redis: needs('redis') ? await startRedisOf(tell) : undefined,
  postgres: needs('postgres') ? await startPostgresOf(tell) : undefined,
  rabbitmq: needs('rabbitmq') ? await startRabbitmqOf(tell) : undefined,
}
try {
  for (const table of tables) await runTable(table, servers)
} finally {
  await servers.redis?.stop()
  await servers.postgres?.stop()
  await servers.rabbitmq?.stop()
}

/** A private PostgreSQL as it is installed: every commit waits for the disk. */
async function startPostgresOf(say: (line: string) => void): Promise<PrivatePostgres | undefined> {
  if (hasPostgres()) return startPostgres({ settings: { fsync: 'on', max_wal_size: '2GB' }, networks: [network.cidr] })
  say('PostgreSQL is not installed: what needs it is left out')
  return undefined
}

async function startRedisOf(say: (line: string) => void): Promise<PrivateRedis | undefined> {
  if (hasRedis()) return startRedis()
  say('Redis is not installed: BullMQ is left out')
  return undefined
}

async function startRabbitmqOf(say: (line: string) => void): Promise<PrivateRabbitmq | undefined> {
  if (hasRabbitmq()) return startRabbitmq({ isOpen: true })
  say('RabbitMQ is not installed: what needs it is left out')
  return undefined
}
