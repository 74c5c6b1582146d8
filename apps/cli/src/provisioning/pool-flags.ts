/** The options that make worker pools: what they read. */
import { ConfigError } from '@lovage/core'
import type { ReadValue } from '../option-values.ts'
import { type PoolKind, poolKinds } from './pool-kind.ts'

/** What `--pool` was given: a place for handlers, files, or both where it was repeated. */
export interface PoolChoice {
  readonly kind?: PoolKind | undefined
  readonly files: readonly string[]
}

export interface WorkerRange {
  readonly min: number
  readonly max: number
}

export interface PoolFlags {
  readonly name?: string
  readonly pool?: PoolChoice | undefined
  readonly workers?: WorkerRange
  readonly queues?: readonly string[]
  readonly concurrency?: number
  readonly prefetch?: number
  /** Milliseconds. */
  readonly idleTimeout?: number | undefined
  /** Milliseconds. */
  readonly maxLifetime?: number | undefined
}

/** `--pool`: inline, threads, processes, or a file; it may be repeated. */
export const poolChoice: ReadValue<PoolChoice> = (text, before) => {
  const { kind, files } = (before as PoolChoice | undefined) ?? { kind: undefined, files: [] }
  const found = poolKinds.find((one) => one === text)
  if (found !== undefined) return { kind: found, files }
  if (/\.\w+$/.test(text)) return { kind, files: [...files, text] }
  throw new ConfigError('OPTION_INVALID', `expected --pool to be ${poolKinds.join(', ')} or a file, got: ${JSON.stringify(text)}`)
}

/** `--pool` where no handler runs: files only. */
export const poolFiles: ReadValue<PoolChoice> = (text, before) => {
  if (!poolKinds.some((kind) => kind === text)) return poolChoice(text, before)
  throw new ConfigError(
    'OPTION_INVALID',
    `expected --pool of a server to be a file, got: ${text}; say where handlers run in a pool file, as in {"images": {"files": ["tasks.ts"], "pool": "${text}"}}`,
  )
}

/** `0..4`, or `4` for always four. */
export function workerRange(what: string): ReadValue<WorkerRange> {
  return (text) => {
    const [, min, max = min] = /^(\d{1,5})(?:\.\.(\d{1,5}))?$/.exec(text) ?? []
    if (min !== undefined && Number(max) >= Math.max(1, Number(min))) return { min: Number(min), max: Number(max) }
    const message = `expected ${what} to be a range such as "0..4", or "4" for always four, got: ${JSON.stringify(text)}`
    throw new ConfigError('OPTION_INVALID', message)
  }
}
