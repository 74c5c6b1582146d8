/** The Cron port on croner, which brings cron's grammar and, through Intl, the IANA time zones. */
import { ConfigError, type Cron } from '@lovage/core'
import { Cron as Croner } from 'croner'

const cacheLimit = 1000

/** Reads each expression once. Five fields start at minutes, six at seconds; `@hourly`, `@daily` and their like are known. */
export function cronerCron(): Cron {
  const cache = new Map<string, Croner>()
  return {
    next(expression, zone, after) {
      const key = `${zone ?? 'UTC'} ${expression}`
      let cron = cache.get(key)
      if (cron === undefined) {
        cron = parse(expression, zone)
        if (cache.size >= cacheLimit) cache.clear()
        cache.set(key, cron)
      }
      return cron.nextRun(new Date(after))?.getTime()
    },
  }
}

function parse(expression: string, zone = 'UTC'): Croner {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (cause) {
    throw new ConfigError(
      'CRON_INVALID',
      `expected \`zone\` to be an IANA time zone such as "Europe/Berlin", got: ${JSON.stringify(zone)}`,
      { cause },
    )
  }
  // A date is not a cron line, though croner would take one.
  if (/^\d{4}-/.test(expression)) throw refusal(expression, 'a date is not a cron line')
  try {
    return new Croner(expression, { timezone: zone, paused: true })
  } catch (cause) {
    throw refusal(expression, (cause as Error).message, cause)
  }
}

function refusal(expression: string, why: string, cause?: unknown): ConfigError {
  const expected = 'five or six fields such as "0 9 * * 1-5" or a nickname such as "@daily"'
  return new ConfigError('CRON_INVALID', `expected \`cron\` to be ${expected}, got: ${JSON.stringify(expression)} (${why})`, {
    cause,
  })
}
