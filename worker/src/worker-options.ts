/** What a Worker takes, its defaults, and the checks. */
import { availableParallelism, hostname } from 'node:os'
import {
  type Broker,
  type Clock,
  ConfigError,
  checkName,
  checkOptionNames,
  type Duration,
  durationMs,
  type Logger,
  type OptionNames,
  type Random,
  shown,
  type WorkerDefaults,
} from '@lovage/core'
import { type AutoscaleRange, autoscaleRange } from './autoscaler.ts'
import { EveryTask } from './forwarding/every-task.ts'
import type { Module, WorkerSettings } from './module.ts'
import { newId } from './new-id.ts'
import type { Pool } from './pool.ts'
import { inlinePool } from './pools/inline.ts'
import { processPool } from './pools/processes.ts'
import { threadPool } from './pools/threads.ts'
import type { PrefetchRule } from './prefetch.ts'
import { stderrLogger } from './stderr-logger.ts'
import { systemClock } from './system-clock.ts'
import { type RegisteredTask, registerTasks, type Tasks } from './task-registry.ts'

export interface WorkerOptions {
  /** Where tasks come from and go to. It stays open when the worker stops. */
  readonly broker: Broker
  /** The definitions that it can run. */
  readonly tasks: Tasks
  /** `name@host`; without `@` the host's name is added. Default `worker@` and the host's name. */
  readonly name?: string | undefined
  /** Default: `default` and every queue that a definition names. */
  readonly queues?: readonly string[] | undefined
  /** How many tasks run at once. Default: what the broker's settings say, else 10 inline and one for each processor elsewhere. */
  readonly concurrency?: number | undefined
  /** Keeps `concurrency` between two numbers, by the load. */
  readonly autoscale?: AutoscaleRange | undefined
  /**
   * The most deliveries held, running ones among them. Default: what the broker's settings say, else `auto`: about 75 ms of
   * work, from `concurrency` for slow handlers to 2000 for instant ones.
   */
  readonly prefetch?: 'auto' | number | undefined
  /** Where handlers run. Default `inline`. */
  readonly pool?: 'inline' | 'threads' | 'processes' | Pool | undefined
  /** The files that export the definitions, absolute paths or `file:` URLs: what threads and processes load. */
  readonly files?: readonly string[] | undefined
  /** Added to heartbeat, presence, hello, network, dispatcher and control, or in place of the one of the same name. */
  readonly modules?: readonly Module[] | undefined
  /** Whether task events go to the broker from the start. Default: where the broker knows whether anyone listens. */
  readonly events?: boolean | undefined
  /** How long a handler may go on after its signal fired; then it is killed or, inline, left behind. Default `2s`. */
  readonly abortGrace?: Duration | undefined
  /** The same in a cold stop. Default `2s`. */
  readonly coldGrace?: Duration | undefined
  /** Default: warnings and errors on stderr. */
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  /** Ids for tasks that handlers send. Default UUIDv7. */
  readonly newId?: ((now: number) => string) | undefined
}

const optionNames: OptionNames<WorkerOptions> = {
  broker: true,
  tasks: true,
  name: true,
  queues: true,
  concurrency: true,
  autoscale: true,
  prefetch: true,
  pool: true,
  files: true,
  modules: true,
  events: true,
  abortGrace: true,
  coldGrace: true,
  logger: true,
  clock: true,
  random: true,
  newId: true,
}
const autoscaleNames: OptionNames<AutoscaleRange> = { min: true, max: true }

/** The options, checked and complete. */
export interface WorkerSetup {
  readonly name: string
  readonly registry: ReadonlyMap<string, RegisteredTask>
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly autoscale: AutoscaleRange | undefined
  readonly prefetch: PrefetchRule
  readonly settings: WorkerSettings
  readonly pool: Pool
  readonly events: boolean
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
  readonly newId: (now: number) => string
}

/** Checks the options. @throws {ConfigError} OPTION_INVALID, NAME_INVALID, DURATION_INVALID, DEFINITION_DUPLICATE, DEFINITION_INVALID, MODULE_INVALID */
export function workerSetup(options: WorkerOptions): WorkerSetup {
  checkOptionNames(options, optionNames, 'a worker')
  const defaults = options.broker.workerDefaults ?? {}
  const registry = handsOn(options.pool) ? new EveryTask() : registerTasks(options.tasks, defaults)
  const { autoscale } = options
  if (autoscale !== undefined) checkOptionNames(autoscale, autoscaleNames, '`autoscale`')
  const range = autoscale === undefined ? undefined : autoscaleRange(autoscale.min, autoscale.max)
  const inline = options.pool === undefined || options.pool === 'inline'
  const usual = defaults.concurrency ?? (inline ? 10 : availableParallelism())
  const concurrency = wholeNumber(options.concurrency ?? range?.min ?? usual, 'concurrency')
  const prefetch = prefetchRule(options.prefetch, defaults)
  return {
    name: workerName(options.name ?? 'worker'),
    registry,
    queues: options.queues === undefined ? defaultQueues(registry) : checkedQueues(options.queues),
    concurrency,
    autoscale: range,
    prefetch,
    settings: {
      prefetch: typeof prefetch === 'function' ? 'broker' : prefetch,
      abortGraceMs: durationMs(options.abortGrace ?? 2000, 'abortGrace'),
      coldGraceMs: durationMs(options.coldGrace ?? 2000, 'coldGrace'),
    },
    pool: poolOf(options, registry, range?.max ?? concurrency),
    events: options.events ?? options.broker.events.knowsListeners,
    logger: options.logger ?? stderrLogger,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    newId: options.newId ?? newId,
  }
}

/** @throws {ConfigError} OPTION_INVALID */
export function wholeNumber(value: unknown, what: string): number {
  if (Number.isInteger(value) && Number(value) > 0) return Number(value)
  throw new ConfigError('OPTION_INVALID', `expected \`${what}\` to be a positive whole number, got: ${shown(value)}`)
}

function prefetchRule(given: WorkerOptions['prefetch'], defaults: WorkerDefaults): PrefetchRule {
  if (given === undefined) return defaults.prefetch ?? 'auto'
  return given === 'auto' ? given : wholeNumber(given, 'prefetch')
}

function handsOn(pool: WorkerOptions['pool']): boolean {
  return typeof pool === 'object' && pool.handsOn === true
}

function workerName(name: string): string {
  return checkName(name.includes('@') ? name : `${name}@${hostname()}`, 'worker')
}

function defaultQueues(registry: ReadonlyMap<string, RegisteredTask>): readonly string[] {
  return [...new Set(['default', ...[...registry.values()].map((task) => task.definition.queue)])]
}

function checkedQueues(queues: readonly string[]): readonly string[] {
  if (queues.length === 0) throw new ConfigError('OPTION_INVALID', 'expected `queues` to name at least one queue, got none')
  return [...new Set(queues.map((queue) => checkName(queue, 'queue')))]
}

function poolOf(options: WorkerOptions, registry: ReadonlyMap<string, RegisteredTask>, size: number): Pool {
  const { pool = 'inline', files = [] } = options
  if (typeof pool === 'object') return pool
  if (pool === 'inline') return inlinePool(new Map([...registry].map(([name, task]) => [name, task.definition])))
  if (pool !== 'threads' && pool !== 'processes') {
    throw new ConfigError('OPTION_INVALID', `expected \`pool\` to be inline, threads, processes or a Pool, got: ${shown(pool)}`)
  }
  if (files.length === 0) {
    const text = `expected \`files\` to name the files that export the tasks, which the pool of ${pool} loads, got none`
    throw new ConfigError('MODULE_INVALID', text)
  }
  const { maxTasksPerChild } = options.broker.workerDefaults ?? {}
  const plan = { modules: files, size, maxTasksPerChild }
  return pool === 'threads' ? threadPool(plan) : processPool(plan)
}
