/** Pool files: JSON that names worker pools. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigError, checkOptionNames, type OptionNames } from '@lovage/core'
import { parseJson } from '../json-input.ts'
import { duration } from '../option-values.ts'
import { type PoolKind, poolKinds } from './pool-kind.ts'
import type { PoolWish } from './pool-spec.ts'

/** A pool as it stands in a file: durations are texts such as `"60s"`. */
interface WrittenPool {
  readonly files: unknown
  readonly queues: unknown
  readonly min: unknown
  readonly max: unknown
  readonly concurrency: unknown
  readonly pool: unknown
  readonly prefetch: unknown
  readonly scalingRatio: unknown
  readonly idleTimeout: unknown
  readonly maxLifetime: unknown
  readonly drainTimeout: unknown
  readonly registrationTimeout: unknown
}

const names: OptionNames<WrittenPool> = {
  files: true,
  queues: true,
  min: true,
  max: true,
  concurrency: true,
  pool: true,
  prefetch: true,
  scalingRatio: true,
  idleTimeout: true,
  maxLifetime: true,
  drainTimeout: true,
  registrationTimeout: true,
}

/**
 * Reads a pool file: an object from names to pools. Task files are relative to where the command runs, as everywhere.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID
 */
export async function readPoolFile(file: string, cwd: string): Promise<readonly PoolWish[]> {
  const path = resolve(cwd, file)
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const got = cause.code === 'ENOENT' ? 'no such file' : cause.message
    throw new ConfigError('OPTION_INVALID', `expected a pool file at ${file}, got: ${got}`, { cause, subject: path })
  })
  return parsePools(text, file)
}

/** @param file for messages @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
export function parsePools(text: string, file: string): readonly PoolWish[] {
  const value = parseJson(text, file)
  const pools = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
  if (pools.length === 0) {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected ${file} to name at least one pool, as in {"images": {"files": ["tasks.ts"], "max": 4}}, got: none`,
      { subject: file },
    )
  }
  return pools.map(([name, pool]) => wishOf(name, pool as WrittenPool, file))
}

function wishOf(name: string, written: WrittenPool, file: string): PoolWish {
  const place = `pool ${JSON.stringify(name)} in ${file}`
  checkOptionNames(written, names, place)
  const read = new Reader(written, place)
  const files = read.texts('files')
  if (files === undefined) throw new ConfigError('OPTION_INVALID', `expected \`files\` of ${place} to name task files, got: none`)
  return {
    name,
    files,
    queues: read.texts('queues'),
    min: read.whole('min', 0),
    max: read.whole('max', 1),
    concurrency: read.whole('concurrency', 1),
    pool: read.kind('pool'),
    prefetch: read.whole('prefetch', 1),
    scalingRatio: read.ratio('scalingRatio'),
    idleMs: read.duration('idleTimeout'),
    lifetimeMs: read.duration('maxLifetime'),
    drainMs: read.duration('drainTimeout'),
    startMs: read.duration('registrationTimeout'),
  }
}

/** Reads fields by kind; each is undefined where it is absent. */
class Reader {
  readonly #written: WrittenPool
  readonly #place: string

  constructor(written: WrittenPool, place: string) {
    this.#written = written
    this.#place = place
  }

  texts(field: keyof WrittenPool): readonly string[] | undefined {
    const value = this.#written[field]
    if (value === undefined) return undefined
    const isList = Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string' && text !== '')
    return isList ? value : this.#refuse(field, 'a list of texts')
  }

  whole(field: keyof WrittenPool, least: number): number | undefined {
    const value = this.#written[field]
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= least)) return value as number | undefined
    return this.#refuse(field, `a whole number from ${least}`)
  }

  ratio(field: keyof WrittenPool): number | undefined {
    const value = this.#written[field]
    if (value === undefined || (typeof value === 'number' && value > 0 && value <= 1)) return value
    return this.#refuse(field, 'a number above 0 and up to 1')
  }

  duration(field: keyof WrittenPool): number | undefined {
    const value = this.#written[field]
    if (value === undefined) return undefined
    return typeof value === 'string'
      ? duration(`\`${field}\` of ${this.#place}`)(value)
      : this.#refuse(field, 'a duration such as "60s"')
  }

  kind(field: keyof WrittenPool): PoolKind | undefined {
    const value = this.#written[field]
    const found = poolKinds.find((kind) => kind === value)
    return value === undefined || found !== undefined ? found : this.#refuse(field, `one of ${poolKinds.join(', ')}`)
  }

  #refuse(field: keyof WrittenPool, expected: string): never {
    const got = JSON.stringify(this.#written[field])
    throw new ConfigError('OPTION_INVALID', `expected \`${field}\` of ${this.#place} to be ${expected}, got: ${got}`)
  }
}
