/**
 * `npm run bench -- [--rounds N] [--tasks N] [--only NAME,...] [--group throughput|scale]`: Lovage beside the raw ceiling and
 * its peers, every variant in a process of its own, round by round in turn, so that drift of the machine hits all alike.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type PrivateRedis, startRedis } from './redis-server.ts'
import { markdown, type Row } from './table.ts'
import type { Figures, Job } from './variant.ts'

const here = dirname(fileURLToPath(import.meta.url))
const tell = (line: string): void => void process.stderr.write(`${line}\n`)

interface Plan {
  readonly name: string
  readonly file: string
  readonly settings?: Readonly<Record<string, string>>
}

const groups: Readonly<Record<string, readonly (readonly Plan[])[]>> = {
  throughput: [
    [
      { name: 'Lovage, FULL (default)', file: 'lovage-sqlite.ts' },
      { name: 'raw node:sqlite with ids, FULL', file: 'raw-sqlite.ts', settings: { shape: 'usable' } },
      { name: 'raw node:sqlite, FULL', file: 'raw-sqlite.ts' },
      { name: 'BullMQ on Redis', file: 'bullmq.ts' },
      { name: 'plainjob, FULL', file: 'plainjob.ts' },
    ],
    [
      { name: 'Lovage, NORMAL', file: 'lovage-sqlite.ts', settings: { synchronous: 'normal' } },
      { name: 'raw node:sqlite with ids, NORMAL', file: 'raw-sqlite.ts', settings: { shape: 'usable', synchronous: 'normal' } },
      { name: 'raw node:sqlite, NORMAL', file: 'raw-sqlite.ts', settings: { synchronous: 'normal' } },
      { name: 'plainjob, NORMAL', file: 'plainjob.ts', settings: { synchronous: 'normal' } },
    ],
  ],
  scale: [[{ name: 'Lovage, FULL', file: 'lovage-scale.ts' }]],
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '100000' },
    only: { type: 'string' },
    group: { type: 'string' },
  },
})

function installPeers(): void {
  if (existsSync(join(here, 'node_modules', 'bullmq'))) return
  tell('installing the peers (bench/package.json)')
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], { cwd: here, stdio: 'ignore' })
}

function runOnce(plan: Plan, settings: Readonly<Record<string, string>>): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
  const job: Job = {
    directory,
    tasks: Number(values.tasks),
    callers: 1000,
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

async function runTable(plans: readonly Plan[], redis: PrivateRedis | undefined): Promise<void> {
  const chosen = plans.filter(
    (plan) => values.only === undefined || values.only.split(',').some((part) => plan.name.includes(part)),
  )
  const rows = chosen.map((plan) => ({ plan, runs: [] as Figures[] }))
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const { plan, runs } of rows) {
      if (plan.file === 'bullmq.ts' && redis === undefined) continue
      const figures = await runOnce(plan, redis === undefined ? {} : { redis: String(redis.port) })
      runs.push(figures)
      tell(`round ${round}: ${plan.name}: ${JSON.stringify(figures)}`)
    }
  }
  const measured: Row[] = rows.filter((row) => row.runs.length > 0).map((row) => ({ name: row.plan.name, runs: row.runs }))
  if (measured.length > 0) process.stdout.write(`\n${markdown(measured)}\n`)
}

const tables = Object.entries(groups).flatMap(([name, group]) =>
  values.group === undefined || values.group === name ? group : [],
)
const redisDirectory = mkdtempSync(join(tmpdir(), 'lovage-bench-redis-'))
const wantsPeers = tables.flat().some((plan) => /bullmq|plainjob/.test(plan.file))
if (wantsPeers) installPeers()
const redis = wantsPeers ? await startRedis(redisDirectory, tell) : undefined
try {
  for (const table of tables) await runTable(table, redis)
} finally {
  redis?.stop()
  rmSync(redisDirectory, { recursive: true, force: true })
}
