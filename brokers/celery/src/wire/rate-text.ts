/** Rate limits in Celery's notation, as remote control brings them. */

const perSecond: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/**
 * Reads a rate: `"10/s"`, `"10/m"`, `"10/h"`, or a number per second. Nothing, 0 and an empty text are 0: no limit. Undefined for what
 * is none.
 * @see https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit
 */
export function readRate(value: unknown): number | undefined {
  if (value === null || value === undefined || value === '' || value === false) return 0
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined
  const match = typeof value === 'string' ? /^\s*\+?(\d+(?:\.\d*)?|\.\d+)\s*(?:\/([smh]?))?$/.exec(value) : null
  if (match === null) return undefined
  const unit = match[2] ?? 's'
  return Number(match[1]) / (perSecond[unit] ?? 1)
}
