/** Retry policies: how often and after what delay a failed run is tried again. */
import { type Duration, durationMs } from './duration.ts'
import { ConfigError } from './errors.ts'
import { checkOptionNames, type OptionNames } from './option-names.ts'
import { shown } from './shown.ts'

export type Backoff = 'fixed' | 'linear' | 'exponential'

/** What a definition says about retries. */
export interface RetryOptions {
  /** Retries after the first run: `n` means up to n + 1 runs. Default 3; 0 for none. */
  readonly limit?: number | undefined
  /** Default `exponential`. */
  readonly backoff?: Backoff | undefined
  /** The first delay. Default `1s`. */
  readonly delay?: Duration | undefined
  /** The longest delay, not under `delay`. Default `1h`, or `delay` where that is longer. */
  readonly maxDelay?: Duration | undefined
  /** The share of each delay that is random, 0 to 1: delays lie in [delay x (1 - jitter), delay]. Default 0.2. */
  readonly jitter?: number | undefined
}

export interface RetryPolicy {
  readonly limit: number
  readonly backoff: Backoff
  readonly delayMs: number
  readonly maxDelayMs: number
  readonly jitter: number
}

const names: OptionNames<RetryOptions> = { limit: true, backoff: true, delay: true, maxDelay: true, jitter: true }

/** Gives numbers from 0 up to but not including 1. */
export type Random = () => number

/** Reads retry options. @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  if (typeof options !== 'object' || options === null) refuse('retry', 'an object such as { limit: 5 }', options)
  checkOptionNames(options, names, '`retry`')
  const { limit = 3, backoff = 'exponential', delay = 1000, maxDelay, jitter = 0.2 } = options
  if (!Number.isSafeInteger(limit) || limit < 0) refuse('retry.limit', 'a whole number from 0', limit)
  if (backoff !== 'fixed' && backoff !== 'linear' && backoff !== 'exponential') {
    refuse('retry.backoff', 'fixed, linear or exponential', backoff)
  }
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) refuse('retry.jitter', 'a number from 0 to 1', jitter)
  const delayMs = durationMs(delay, 'retry.delay')
  const maxDelayMs = maxDelay === undefined ? Math.max(3_600_000, delayMs) : durationMs(maxDelay, 'retry.maxDelay')
  if (maxDelayMs < delayMs) refuse('retry.maxDelay', `at least \`retry.delay\` (${delayMs} ms)`, maxDelay)
  return { limit, backoff, delayMs, maxDelayMs, jitter }
}

function refuse(option: string, expected: string, value: unknown): never {
  throw new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(value)}`)
}

/** The delay before retry number `retry` (1 is the first), jitter included. */
export function retryDelayMs(policy: RetryPolicy, retry: number, random: Random): number {
  const nth = Math.max(1, retry)
  const factor = policy.backoff === 'fixed' ? 1 : policy.backoff === 'linear' ? nth : 2 ** Math.min(nth - 1, 50)
  const delay = Math.min(policy.maxDelayMs, policy.delayMs * factor)
  return Math.round(delay * (1 - policy.jitter * random()))
}
