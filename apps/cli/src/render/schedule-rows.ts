/** Schedules as a table. */
import { formatDuration, type Schedule } from '@lovage/core'
import { jsonValue } from './json-value.ts'
import { clockTime, relativeTime } from './moment.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

/** One line per schedule; times are those of its zone. */
export function scheduleRows(schedules: readonly Schedule[], paint: Paint, now: number, columns?: number): string[] {
  const rows = schedules.map((schedule) => [
    schedule.name,
    rhythm(schedule),
    schedule.task,
    schedule.paused ? paint('yellow', 'paused') : next(schedule, now),
    schedule.lastAt === undefined ? 'never' : relativeTime(schedule.lastAt, now),
    given(schedule),
  ])
  const titles = ['NAME', 'WHEN', 'TASK', 'NEXT', 'LAST', 'INPUT'].map((title) => ({ title }))
  return table(titles, rows, paint, columns)
}

/** The input, and the arguments for other languages as Python writes them. */
function given({ input, args = [], kwargs = {} }: Schedule): string {
  const texts = [...args.map(json), ...Object.entries(kwargs).map(([name, value]) => `${name}=${json(value)}`)]
  return [...(input === undefined ? [] : [json(input)]), ...(texts.length === 0 ? [] : [`(${texts.join(', ')})`])].join(' ')
}

function json(value: unknown): string {
  return jsonValue(value, Number.POSITIVE_INFINITY)
}

/** `every 30s, next 2027-01-31 09:00:00 UTC (in 3m 20s)`. */
export function nextFiringText(schedule: Schedule, now: number): string {
  if (schedule.paused) return `${rhythm(schedule)}, paused`
  return `${rhythm(schedule)}, next ${next(schedule, now)}`
}

function rhythm({ cron, everyMs, zone }: Schedule): string {
  if (cron !== undefined) return zone === undefined ? cron : `${cron} ${zone}`
  return `every ${formatDuration(everyMs ?? 0)}`
}

function next({ nextAt, zone = 'UTC' }: Schedule, now: number): string {
  return nextAt === undefined ? 'never again' : `${clockTime(nextAt, zone)} ${zone} (${relativeTime(nextAt, now)})`
}
