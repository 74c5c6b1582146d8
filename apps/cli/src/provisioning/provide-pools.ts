/** Provides worker pools from this process: their records are written, and their workers launched as processes. */
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Client } from '@lovage/client'
import { ConfigError, type Launcher, type LaunchRequest, type Logger, type Provisioner } from '@lovage/core'
import { adminOf } from '../admin-of.ts'
import type { Invocation } from '../invocation.ts'
import type { ProcessLogger } from '../running/process-logger.ts'
import { localLauncher, type WorkerCommand } from './local-launcher.ts'
import { localProvider, type PoolSpec, poolRecord } from './pool-spec.ts'
import { logOutput } from './worker-output.ts'

const bin = fileURLToPath(new URL('../../bin/lovage.js', import.meta.url))

type Place = Pick<Invocation, 'settings' | 'terminal'>

/**
 * Begins to provide the pools. What stood in their records is replaced: the latest start decides.
 * @throws {ConfigError} OPTION_INVALID, UNSUPPORTED
 */
export async function providePools(
  broker: Client,
  place: Place,
  specs: readonly PoolSpec[],
  log: ProcessLogger,
): Promise<Provisioner> {
  const { pools } = adminOf(broker)
  const owner = `lovage on ${hostname()}`
  for (const spec of specs) {
    const { name } = spec
    await pools.change(name, (known) => poolRecord(spec, known, Date.now(), owner))
    if (!(await pools.standing(name)).paused) continue
    log.logger.warn({ pool: name }, `the pool is paused, nothing is launched; \`lovage pool resume ${name}\` ends that`)
  }
  const launcher = launcherFor(place, specs, log)
  const provided = specs.map(({ name, queues, tasks, concurrency }) => ({
    workerPoolId: name,
    queues,
    tasks,
    capacity: concurrency,
    launchConfig: {},
  }))
  return pools.provision({ launcher, providerId: localProvider, pools: provided })
}

/** What a pool is, for the banner. */
export function poolFact({ name, min, max, concurrency, queues }: PoolSpec): readonly [name: string, value: string] {
  return [`pool ${name}`, `${min}..${max} workers of ${concurrency} on ${queues.join(', ')}`]
}

/** A pool in memory is seen by this process alone: workers in others would wait for ever. @throws {ConfigError} URL_UNSUPPORTED */
export function checkShared({ settings }: Place): void {
  if (!/^\s*memory:\s*$/i.test(settings.url)) return
  const message = `expected a broker that worker processes can share, got: ${settings.broker}; name a file, as in -b sqlite:./lovage.db`
  throw new ConfigError('URL_UNSUPPORTED', message)
}

function launcherFor(place: Place, specs: readonly PoolSpec[], { logger, level }: ProcessLogger): Launcher {
  const byName = new Map(specs.map((spec) => [spec.name, spec]))
  return localLauncher({
    group: groupOf(hostname()),
    command: (request) => workerCommand(place, byName.get(request.workerPoolId) as PoolSpec, request, level),
    output: (worker, stream, line) => logOutput(logger, worker, stream, line),
  })
}

/** Clients of worker managers take 38 letters, digits, `-` and `_`. */
function groupOf(host: string): string {
  return host.replaceAll(/[^\w-]/g, '-').slice(0, 38)
}

/** The command of a worker. URLs with passwords go by the environment: anyone sees arguments. */
function workerCommand(
  { settings, terminal }: Place,
  spec: PoolSpec,
  request: LaunchRequest,
  level: keyof Logger,
): WorkerCommand {
  const { signal, results, leaseMs, heartbeatMs, url } = settings
  const { files, queues, concurrency, pool, prefetch } = spec
  const given: readonly (readonly [flag: string, value: string | number | undefined])[] = [
    ['--name', request.worker],
    ['--queues', queues.join(',')],
    ['--concurrency', concurrency],
    ['--pool', pool],
    ['--prefetch', prefetch],
    ['--loglevel', level],
    ['--results', results],
    ['--lease', milliseconds(leaseMs)],
    ['--heartbeat', milliseconds(heartbeatMs)],
  ]
  const flags = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]))
  return {
    args: [...process.execArgv, bin, 'worker', ...files, '--json', ...flags],
    cwd: terminal.cwd,
    environment: { ...terminal.environment, LOVAGE_BROKER: url, LOVAGE_SIGNAL: signal, LOVAGE_TOKENS: undefined },
  }
}

function milliseconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}ms`
}
