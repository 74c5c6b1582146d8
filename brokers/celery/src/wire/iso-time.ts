/** ISO 8601 as Python writes and reads it, to and from epoch milliseconds whose fraction holds the microseconds. */

/** Date; time with `T`, a blank or any other letter before it; fraction; offset. Extended and basic forms. */
const iso =
  /^(\d{4})(?:-(\d{1,2})-(\d{1,2})|(\d\d)(\d\d))(?:[^\d](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?\s?(Z|[+-]\d\d(?::?\d\d(?::?\d\d(?:\.\d+)?)?)?)?)?$/i

/** What Python's datetime holds: years 1 to 9999. */
const earliestMs = -62_135_596_800_000
const latestMs = 253_402_300_800_000

/**
 * Reads a time. Without an offset it is UTC, as Celery takes it. Undefined for what is no time, or none that Python can hold.
 * @see https://docs.python.org/3/library/datetime.html#datetime.datetime.fromisoformat
 */
export function parseIsoTime(text: string): number | undefined {
  const match = iso.exec(text)
  if (match === null) return undefined
  const [year, hour, minute, second] = [match[1], match[6], match[7], match[8]].map((digits) => Number(digits ?? 0))
  const month = Number(match[2] ?? match[4])
  const day = Number(match[3] ?? match[5])
  const whole = epochMs({ year, month, day, hour, minute, second })
  const offset = offsetMs(match[10])
  if (whole === undefined || offset === undefined) return undefined
  const micros = Number((match[9] ?? '').slice(0, 6).padEnd(6, '0'))
  const time = whole - offset + micros / 1000
  return time >= earliestMs && time < latestMs ? time : undefined
}

interface Civil {
  readonly year: number | undefined
  readonly month: number
  readonly day: number
  readonly hour: number | undefined
  readonly minute: number | undefined
  readonly second: number | undefined
}

/** Undefined for a day or time of day that does not exist. */
function epochMs({ year = 0, month, day, hour = 0, minute = 0, second = 0 }: Civil): number | undefined {
  if (year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined
  // Date.UTC takes years below 100 for those of the twentieth century; four centuries later the calendar is the same.
  const time = Date.UTC(year + 400, month - 1, day, hour, minute, second) - fourCenturiesMs
  const isReal = new Date(time).getUTCMonth() === month - 1
  return isReal ? time : undefined
}

const fourCenturiesMs = 146_097 * 86_400_000

function offsetMs(text: string | undefined): number | undefined {
  if (text === undefined || text === 'Z' || text === 'z') return 0
  const digits = text.slice(1).replaceAll(':', '')
  const hours = Number(digits.slice(0, 2))
  const minutes = Number(digits.slice(2, 4))
  const seconds = Number(digits.slice(4))
  if (hours > 23 || minutes > 59 || seconds >= 60) return undefined
  return (text.startsWith('-') ? -1 : 1) * ((hours * 60 + minutes) * 60 + seconds) * 1000
}

let latest = { wholeMs: 0, text: '1970-01-01T00:00:00' }

/** Of many times in a row most are in the second of the one before. */
function writtenSecond(wholeMs: number): string {
  if (latest.wholeMs !== wholeMs) latest = { wholeMs, text: new Date(wholeMs).toISOString().slice(0, 19) }
  return latest.text
}

/**
 * Writes a time in UTC as Python's `isoformat` does: six digits of a second or none, and `+00:00`. Undefined for a time that Python
 * cannot hold.
 */
export function writeIsoTime(timeMs: number): string | undefined {
  const micros = Math.round(timeMs * 1000)
  const wholeMs = Math.floor(micros / 1_000_000) * 1000
  if (!(wholeMs >= earliestMs && wholeMs < latestMs)) return undefined
  const seconds = writtenSecond(wholeMs)
  const rest = micros - wholeMs * 1000
  return rest === 0 ? `${seconds}+00:00` : `${seconds}.${String(rest).padStart(6, '0')}+00:00`
}
