/** The pools that the options of a command ask for together. */
import { ConfigError } from '@lovage/core'
import { readPoolFile } from './pool-file.ts'
import type { PoolFlags } from './pool-flags.ts'
import { type PoolSpec, type PoolWish, poolSpec } from './pool-spec.ts'

const isPoolFile = (file: string): boolean => file.endsWith('.json')

/**
 * The pools that options ask for: those of pool files, and one of the task files where there are any.
 * @param taskFiles what makes the one pool, beside the task files behind `--pool`
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID, NAME_INVALID, MODULE_INVALID, DEFINITION_DUPLICATE
 */
export async function poolsOf(flags: PoolFlags, taskFiles: readonly string[], cwd: string): Promise<readonly PoolSpec[]> {
  const given = flags.pool?.files ?? []
  const files = [...taskFiles, ...given.filter((file) => !isPoolFile(file))]
  if (files.length === 0) checkAlone(flags)
  const written = await Promise.all(given.filter(isPoolFile).map((file) => readPoolFile(file, cwd)))
  const wishes = [...(files.length === 0 ? [] : [wishOf(flags, files)]), ...written.flat()]
  const specs = await Promise.all(wishes.map((wish) => poolSpec(wish, cwd)))
  checkDistinct(specs)
  return specs
}

function checkDistinct(specs: readonly PoolSpec[]): void {
  const names = specs.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new ConfigError('OPTION_INVALID', `expected pools of different names, got: two named ${twice}; rename one of them`)
}

function wishOf(flags: PoolFlags, files: readonly string[]): PoolWish {
  const { name, pool, workers, queues, concurrency, prefetch, idleTimeout, maxLifetime } = flags
  return {
    name,
    files,
    queues,
    min: workers?.min,
    max: workers?.max,
    concurrency,
    pool: pool?.kind,
    prefetch,
    idleMs: idleTimeout,
    lifetimeMs: maxLifetime,
  }
}

/** What is said about a pool needs one: pool files say it themselves. */
function checkAlone(flags: PoolFlags): void {
  const { workers, idleTimeout, maxLifetime, name, queues, concurrency, prefetch } = flags
  const said = Object.entries({
    '--workers': workers,
    '--idle-timeout': idleTimeout,
    '--max-lifetime': maxLifetime,
    '--name': name,
    '--queues': queues,
    '--concurrency': concurrency,
    '--prefetch': prefetch,
  })
  const [first] = said.filter(([, value]) => value !== undefined)
  if (first === undefined) return
  throw new ConfigError(
    'OPTION_INVALID',
    `expected the task file of a pool beside ${first[0]}, got: none; name one, as in \`lovage server --pool tasks.ts\` or \`lovage up tasks.ts --workers 0..4\`, or write it into the pool file`,
  )
}
