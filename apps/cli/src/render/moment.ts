/** Times for a person: the clock of a zone, and how long ago or ahead. */
import { formatDuration } from '@lovage/core'

/** Writes a time in a zone (default: the machine's), `2027-01-31 09:00:00`. */
export function clockTime(at: number, zone?: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(at)
  const part = (type: string) => parts.find((entry) => entry.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')}`
}

/** Writes how far a time is from now: `in 3m 20s`, `12s ago`, `now`. */
export function relativeTime(at: number, now: number): string {
  const distance = at - now
  if (Math.abs(distance) < 1000) return 'now'
  const length = formatDuration(Math.round(Math.abs(distance) / 1000) * 1000)
  return distance > 0 ? `in ${length}` : `${length} ago`
}

/** Both: `2027-01-31 09:00:00 (in 3m 20s)`. */
export function moment(at: number, now: number, zone?: string): string {
  return `${clockTime(at, zone)} (${relativeTime(at, now)})`
}

/** Writes a length of time to the second. */
export function wholeDuration(ms: number): string {
  return ms < 1000 ? formatDuration(ms) : formatDuration(Math.round(ms / 1000) * 1000)
}

/** Writes the time of day on this machine to the millisecond, for lines that follow each other. */
export function timeOfDay(at: number): string {
  const date = new Date(at)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
