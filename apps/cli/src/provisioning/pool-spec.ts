/** A worker pool as a person asks for it, with everything decided that was left open. */
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { ConfigError, checkName, type WorkerPool } from '@lovage/core'
import { definitionsOf, loadTaskFiles } from '../task-files.ts'
import type { PoolKind } from './pool-kind.ts'

/** What a pool file or options say. Times are milliseconds. */
export interface PoolWish {
  /** Default: the name of the first file without its ending. */
  readonly name?: string | undefined
  readonly files: readonly string[]
  /** Default: `default` and those that the definitions name. */
  readonly queues?: readonly string[] | undefined
  /** Workers; default 0. */
  readonly min?: number | undefined
  /** Workers; default one for each processor. */
  readonly max?: number | undefined
  /** Handlers at once in each worker. Default 10 inline, else one for each processor. */
  readonly concurrency?: number | undefined
  /** Where handlers run. */
  readonly pool?: PoolKind | undefined
  readonly prefetch?: number | undefined
  readonly scalingRatio?: number | undefined
  readonly idleMs?: number | undefined
  readonly lifetimeMs?: number | undefined
  readonly drainMs?: number | undefined
  readonly startMs?: number | undefined
}

/** A pool that is complete. */
export interface PoolSpec extends PoolWish {
  readonly name: string
  readonly queues: readonly string[]
  /** Names of tasks; undefined when the files were not loaded to see. */
  readonly tasks: readonly string[] | undefined
  readonly min: number
  readonly max: number
  readonly concurrency: number
}

export const defaultIdleMs = 60_000

/**
 * Completes a wish. Files are loaded only to learn their queues: named ones leave it to the workers.
 * @throws {ConfigError} OPTION_INVALID, NAME_INVALID, MODULE_INVALID, DEFINITION_DUPLICATE
 */
export async function poolSpec(wish: PoolWish, cwd: string): Promise<PoolSpec> {
  const name = checkPoolName(wish.name ?? basename(wish.files[0] ?? '').replace(/\.\w+$/, ''))
  const { min = 0, max = Math.max(min, availableParallelism()) } = wish
  if (max < min || max < 1) {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected the most workers of pool ${name} to be at least 1 and the least (${min}), got: ${max}`,
    )
  }
  const loaded = wish.queues === undefined ? definitionsOf(await loadTaskFiles(wish.files, cwd)) : undefined
  const named = loaded?.flatMap(({ queue }) => (queue === undefined ? [] : [queue])) ?? []
  return {
    ...wish,
    name,
    queues: wish.queues?.map((queue) => checkName(queue, 'queue')) ?? [...new Set(['default', ...named])],
    tasks: loaded?.map((definition) => definition.name),
    min,
    max,
    concurrency: wish.concurrency ?? ((wish.pool ?? 'inline') === 'inline' ? 10 : availableParallelism()),
  }
}

/** Names of workers are made of it. */
function checkPoolName(name: string): string {
  if (/^[\w.-]{1,38}(\/[\w.-]{1,38})?$/.test(name)) return name
  const message = `expected the pool name to be 1 to 38 letters, digits, "-", "_" or ".", got: ${JSON.stringify(name)}; name it with --name or in a pool file`
  throw new ConfigError('NAME_INVALID', message)
}

/** The record of a pool. Bounds are capacity: tasks at once. */
export function poolRecord(spec: PoolSpec, known: WorkerPool | undefined, now: number, owner: string): WorkerPool {
  const { name, files, queues, min, max, concurrency, pool, prefetch, scalingRatio } = spec
  return {
    workerPoolId: name,
    providerId: localProvider,
    description: `worker processes of ${owner}`,
    owner,
    emailOnError: false,
    config: {
      minCapacity: min * concurrency,
      maxCapacity: max * concurrency,
      ...(scalingRatio === undefined ? {} : { scalingRatio }),
      launchConfigs: [{ files, queues, capacity: concurrency, pool, prefetch }],
      lifecycle: {
        idleTimeout: seconds(spec.idleMs ?? defaultIdleMs),
        ...(spec.lifetimeMs === undefined ? {} : { maxLifetime: seconds(spec.lifetimeMs) }),
        ...(spec.drainMs === undefined ? {} : { drainTimeout: seconds(spec.drainMs) }),
        ...(spec.startMs === undefined ? {} : { registrationTimeout: seconds(spec.startMs) }),
      },
    },
    created: known?.created ?? now,
    lastModified: now,
  }
}

/** The provider of pools whose workers are processes of the machine that provisions them. */
export const localProvider = 'local'

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
