/** Points in time: Dates, epoch milliseconds and ISO 8601 texts, read as epoch milliseconds. */
import { ConfigError } from './errors.ts'
import { shown } from './shown.ts'

/** A point in time: a Date, epoch milliseconds, or an ISO text with its zone such as `2027-01-31T09:00:00Z`. */
export type Instant = Date | number | string

const isoDate = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d))?$/

/**
 * Reads a point in time. A text without a time of day is midnight UTC; one with a time of day must name its zone, so
 * that it means the same on every machine.
 * @param what the option's name, for the message
 * @throws {ConfigError} OPTION_INVALID
 */
export function instantMs(value: Instant, what = 'time'): number {
  const time = typeof value === 'number' ? value : typeof value === 'string' ? parseIso(value) : dateMs(value)
  if (time === undefined || !Number.isFinite(time) || time < 0 || time > latestMs) {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected \`${what}\` to be a Date, epoch milliseconds or an ISO time with its zone such as "2027-01-31T09:00:00Z", got: ${shown(value)}`,
    )
  }
  return Math.round(time)
}

/** Tells whether a text means a point in time rather than a duration. */
export function looksLikeInstant(text: string): boolean {
  return /^\s*\d{4}-/.test(text)
}

/** Writes a point in time as `Date.prototype.toJSON` does, for years 0 to 9999; later ones are written with their own digits. */
export function isoTime(time: number): string {
  const days = Math.floor(time / 86_400_000)
  const ms = Math.floor(time - days * 86_400_000)
  const clock = `${digits(Math.floor(ms / 3_600_000), 2)}:${digits(Math.floor(ms / 60_000) % 60, 2)}:${digits(Math.floor(ms / 1000) % 60, 2)}`
  return `${dayText(days)}T${clock}.${digits(ms % 1000, 3)}Z`
}

/** The texts of a few days: times that are written one after the other are of the same ones. */
const dayTexts = new Map<number, string>()

function dayText(days: number): string {
  let text = dayTexts.get(days)
  if (text === undefined) {
    const { year, month, day } = civilFromDays(days)
    text = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
    if (dayTexts.size >= 50) dayTexts.clear()
    dayTexts.set(days, text)
  }
  return text
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/** The last millisecond that a Date can tell. */
const latestMs = 8_640_000_000_000_000

function dateMs(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { getTime } = value as { getTime?: unknown }
  return typeof getTime === 'function' ? Number(getTime.call(value)) : undefined
}

function parseIso(text: string): number | undefined {
  const match = isoDate.exec(text.trim())
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0))
  const offset = offsetMinutes(match[8] ?? 'Z')
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59 || offset === undefined) return undefined
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const minutes = (daysFromEpoch(year, month, day) * 24 + hour) * 60 + minute - offset
  return (minutes * 60 + second) * 1000 + milliseconds
}

function offsetMinutes(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** Days since 1970-01-01. @see https://howardhinnant.github.io/date_algorithms.html#days_from_civil */
function daysFromEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** The date of a day counted from 1970-01-01. @see https://howardhinnant.github.io/date_algorithms.html#civil_from_days */
function civilFromDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}
