/** Durations: milliseconds, or strict human intervals such as `10s`, `7 days`, `1 hour 30 minutes`. */
import { ConfigError } from './errors.ts'
import { shown } from './shown.ts'

/** A length of time: milliseconds, or a text such as `'10s'`, `'2m'`, `'7 days'`, `'1 hour 30 minutes'`. */
export type Duration = number | string

const units: ReadonlyMap<string, number> = new Map(
  [
    { ms: 1, words: ['ms', 'millisecond', 'milliseconds'] },
    { ms: 1000, words: ['s', 'sec', 'secs', 'second', 'seconds'] },
    { ms: 60_000, words: ['m', 'min', 'mins', 'minute', 'minutes'] },
    { ms: 3_600_000, words: ['h', 'hr', 'hrs', 'hour', 'hours'] },
    { ms: 86_400_000, words: ['d', 'day', 'days'] },
    { ms: 604_800_000, words: ['w', 'week', 'weeks'] },
  ].flatMap(({ ms, words }) => words.map((word) => [word, ms] as const)),
)

/** The longest duration accepted: 100 years. */
export const longestDurationMs = 100 * 365 * 86_400_000

const accepted = 'a number of milliseconds or a text such as "500ms", "10s", "2m", "7 days" or "1 hour 30 minutes"'

/**
 * Reads a duration as milliseconds. Texts are one or more whole or decimal numbers with a unit (ms, s, m, h, d, w or
 * their words), each unit once, from the largest to the smallest.
 * @param what the option's name, for the message
 * @throws {ConfigError} DURATION_INVALID
 */
export function durationMs(value: Duration, what = 'duration'): number {
  const ms = typeof value === 'number' ? value : parse(value)
  if (ms === undefined || !Number.isFinite(ms) || ms < 0 || ms > longestDurationMs) {
    throw new ConfigError('DURATION_INVALID', `expected \`${what}\` to be ${accepted}, got: ${shown(value)}`)
  }
  return Math.round(ms)
}

function parse(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined
  const trimmed = text.trim()
  if (!/^(?:\d+(?:\.\d+)?\s*[a-z]+)(?:\s+\d+(?:\.\d+)?\s*[a-z]+|\d+(?:\.\d+)?\s*[a-z]+)*$/.test(trimmed)) return undefined
  let total = 0
  let smallest = Number.POSITIVE_INFINITY
  for (const [, number, word] of trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const unit = units.get(word ?? '')
    if (unit === undefined || unit >= smallest) return undefined
    smallest = unit
    total += Number(number) * unit
  }
  return total
}

/** Writes milliseconds for a person: the two largest units, `1h 30m`, `250ms`. What it writes, `durationMs` reads. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (Math.round(ms) < 1000) return `${Math.round(ms)}ms`
  if (ms < 9_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')}s`
  const parts: string[] = []
  let rest = Math.round(ms / 1000)
  for (const [name, seconds] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    if (rest >= seconds && parts.length < 2) {
      parts.push(`${Math.floor(rest / seconds)}${name}`)
      rest %= seconds
    } else if (parts.length > 0) {
      break
    }
  }
  return parts.join(' ')
}
