/** Retry policies: how often and after what delay a failed run is tried again. */
import { type Duration, durationMs } from './duration.ts'
import { ConfigError } from './errors.ts'

export type Backoff = 'fixed' | 'linear' | 'exponential'

/** What a definition says about retries. */
export interface RetryOptions {
  /** Retries after the first run: `n` means up to n + 1 runs. Default 3; 0 for none. */
  readonly limit?: number | undefined
  /** Default `exponential`. */
  readonly backoff?: Backoff | undefined
  /** The first delay. Default `1s`. */
  readonly delay?: Duration | undefined
  /** The longest delay. Default `1h`. */
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

/** Gives numbers from 0 up to but not including 1. */
export type Random = () => number

/** Reads retry options. @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  const { limit = 3, backoff = 'exponential', delay = 1000, maxDelay = 3_600_000, jitter = 0.2 } = options
  if (!Number.isInteger(limit) || limit < 0) {
    throw new ConfigError('OPTION_INVALID', `expected \`retry.limit\` to be a whole number from 0, got: ${limit}`)
  }
  if (backoff !== 'fixed' && backoff !== 'linear' && backoff !== 'exponential') {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected \`retry.backoff\` to be fixed, linear or exponential, got: ${String(backoff)}`,
    )
  }
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new ConfigError('OPTION_INVALID', `expected \`retry.jitter\` to be a number from 0 to 1, got: ${jitter}`)
  }
  return { limit, backoff, delayMs: durationMs(delay, 'retry.delay'), maxDelayMs: durationMs(maxDelay, 'retry.maxDelay'), jitter }
}

/** The delay before retry number `retry` (1 is the first), jitter included. */
export function retryDelayMs(policy: RetryPolicy, retry: number, random: Random): number {
  const factor = policy.backoff === 'fixed' ? 1 : policy.backoff === 'linear' ? retry : 2 ** Math.min(retry - 1, 50)
  const delay = Math.min(policy.maxDelayMs, policy.delayMs * factor)
  return Math.round(delay * (1 - policy.jitter * random()))
}
