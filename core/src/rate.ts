/** Rate limits in Celery's notation: `10`, `'10/s'`, `'100/m'`, `'1000/h'`. */
import { ConfigError } from './errors.ts'
import { shown } from './shown.ts'

/** At most `count` runs in every `perMs` milliseconds. */
export interface RateLimit {
  /** A whole number from 1. */
  readonly count: number
  /** Above 0; fractions of a millisecond are possible. */
  readonly perMs: number
}

const periods: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Reads a rate limit. A bare number counts per second; 0 and `'0'` mean no limit, which is undefined. A rate that is
 * not whole is told as one run per a longer time: `'0.5/s'` is 1 in 2000 ms.
 * @param what the option's name, for the message
 * @throws {ConfigError} OPTION_INVALID
 * @see https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit
 */
export function rateLimit(value: number | string | undefined, what = 'rateLimit'): RateLimit | undefined {
  if (value === undefined) return undefined
  const [count, period] = typeof value === 'number' ? [value, 's'] : parse(value)
  const perMs = periods[period] ?? Number.NaN
  if (!Number.isFinite(count * perMs) || count < 0) {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected \`${what}\` to be runs per second such as 10, or a text such as "10/s", "100/m" or "1000/h", got: ${shown(value)}`,
    )
  }
  if (count === 0) return undefined
  return Number.isInteger(count) ? { count, perMs } : { count: 1, perMs: perMs / count }
}

function parse(text: unknown): readonly [number, string] {
  const match = typeof text === 'string' ? /^(\d{1,15}(?:\.\d{1,15})?)(?:\/([smh]))?$/.exec(text.trim()) : null
  return match === null ? [Number.NaN, ''] : [Number(match[1]), match[2] ?? 's']
}
