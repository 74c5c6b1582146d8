/** Schedules: a cron line or an interval that enqueues a task, and the pure decision what is due. */

import type { Cron } from './ports/cron.ts'
import type { PriorityName } from './task.ts'

/** What happens to firings that were missed while nothing ran: none, the last one, or all of them (at most 1000). */
export type MissedPolicy = 'skip' | 'one' | 'all'

export interface ScheduleSpec {
  readonly name: string
  /** Five or six cron fields (seconds first) or a nickname (`@daily`). Either this or `every`. */
  readonly cron?: string | undefined
  /** Milliseconds between firings, counted from the epoch so that all processes agree. */
  readonly everyMs?: number | undefined
  /** IANA zone of the cron line; default UTC. */
  readonly zone?: string | undefined
  readonly task: string
  readonly input?: unknown
  readonly queue?: string | undefined
  readonly priority?: PriorityName | undefined
  /** Default `one`. */
  readonly missed?: MissedPolicy | undefined
}

export interface Schedule extends ScheduleSpec {
  readonly paused: boolean
  /** The next firing; undefined when there is none or it is paused. */
  readonly nextAt?: number | undefined
  readonly lastAt?: number | undefined
}

/** What to do about a schedule now. */
export interface Firing {
  /** The times to enqueue a task for, oldest first. */
  readonly times: readonly number[]
  /** The next firing after now. */
  readonly nextAt: number | undefined
}

/** A firing that is at most this late is on time; only later ones count as missed. */
export const missedAfterMs = 10_000

/** The most firings that `all` makes up for. */
export const missedLimit = 1000

/** Gives the first firing strictly after the time. */
export function nextFiring(spec: ScheduleSpec, after: number, cron: Cron): number | undefined {
  if (spec.everyMs !== undefined) return (Math.floor(after / spec.everyMs) + 1) * spec.everyMs
  return spec.cron === undefined ? undefined : cron.next(spec.cron, spec.zone, after)
}

/** Decides which firings of a schedule to enqueue now, and when to look again. */
export function decideFiring(schedule: Schedule, now: number, cron: Cron): Firing {
  if (schedule.paused || schedule.nextAt === undefined) return { times: [], nextAt: undefined }
  if (schedule.nextAt > now) return { times: [], nextAt: schedule.nextAt }
  const times: number[] = []
  let at: number | undefined = schedule.nextAt
  if (schedule.missed !== 'all') {
    // Everything between the stored firing and the last one before now was missed: step over it without listing it.
    const recent = nextFiring(schedule, now - missedAfterMs - 1, cron)
    if (recent !== undefined && recent > at) {
      if (schedule.missed !== 'skip' && recent > now) times.push(at)
      at = recent
    }
    if (schedule.missed === 'skip' && at < now - missedAfterMs) at = nextFiring(schedule, now, cron)
  }
  while (at !== undefined && at <= now && times.length < missedLimit) {
    times.push(at)
    at = nextFiring(schedule, at, cron)
  }
  if (at !== undefined && at <= now) at = nextFiring(schedule, now, cron)
  return { times: schedule.missed === 'all' || schedule.missed === 'skip' ? times : times.slice(-1), nextAt: at }
}
