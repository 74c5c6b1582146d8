/** Schedules: a cron line or an interval that enqueues a task, and the pure decision what is due. */
import { longestDurationMs } from './duration.ts'
import { ConfigError } from './errors.ts'
import { checkName } from './names.ts'
import { checkOptionNames, type OptionNames } from './option-names.ts'
import type { Cron } from './ports/cron.ts'
import { shown } from './shown.ts'
import { type PriorityName, priorityNames, priorityNumber } from './task.ts'

/** What happens to firings that were missed while nothing ran: none, the last one, or all of them (at most 1000). */
export type MissedPolicy = 'skip' | 'one' | 'all'

export interface ScheduleSpec {
  readonly name: string
  /** Five or six cron fields (seconds first) or a nickname (`@daily`). Either this or `everyMs`. */
  readonly cron?: string | undefined
  /** Milliseconds between firings, at least 1000, counted from the epoch so that all processes agree. */
  readonly everyMs?: number | undefined
  /** IANA zone of the cron line; default UTC. */
  readonly zone?: string | undefined
  readonly task: string
  readonly input?: unknown
  /** Positional and named arguments, for tasks of other languages. */
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  readonly queue?: string | undefined
  readonly priority?: PriorityName | undefined
  /** Workers that may be lost while running the task before it ends as `worker-lost`. Default 5. */
  readonly lostLimit?: number | undefined
  /**
   * Milliseconds after which a task of it is pointless, from 1, counted from when the task is made, not from the time it
   * was planned for: one that is made up for, or sent by hand, has as long as any. Default: no deadline.
   */
  readonly deadlineMs?: number | undefined
  /** Default `one`. */
  readonly missed?: MissedPolicy | undefined
  /** It begins paused. One that is there already stays as it is, paused or not. Default false. */
  readonly paused?: boolean | undefined
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

/**
 * Checks everything of a schedule that can be told without a calendar; the cron line and its zone are the Cron port's.
 * @throws {ConfigError} SCHEDULE_INVALID; OPTION_INVALID for a name that is no part of one; NAME_INVALID for the names of schedule, task and queue
 */
export function checkSchedule(spec: ScheduleSpec): ScheduleSpec {
  const { name, cron, everyMs, zone, args, kwargs, missed, priority, lostLimit, deadlineMs, paused } = spec
  checkName(name, 'schedule')
  checkOptionNames(spec, scheduleNames, `schedule ${name}`)
  checkName(spec.task, 'task')
  if (spec.queue !== undefined) checkName(spec.queue, 'queue')
  if (cron === undefined && everyMs === undefined) throw invalid(name, 'to have a cron line or an interval', 'neither')
  if (cron !== undefined && everyMs !== undefined) throw invalid(name, 'to have a cron line or an interval', 'both')
  if (cron !== undefined && (typeof cron !== 'string' || cron.trim() === '')) {
    throw invalid(name, 'to have a cron line such as "0 9 * * 1-5"', shown(cron))
  }
  if (everyMs !== undefined && !(Number.isSafeInteger(everyMs) && everyMs >= shortestIntervalMs)) {
    throw invalid(name, `to have an interval of whole milliseconds, at least ${shortestIntervalMs}`, shown(everyMs))
  }
  if (zone !== undefined && cron === undefined) throw invalid(name, 'to have a zone only beside a cron line', shown(zone))
  if (args !== undefined && !Array.isArray(args)) throw invalid(name, 'to have `args` that are a list', shown(args))
  if (kwargs !== undefined && !isRecord(kwargs)) throw invalid(name, 'to have `kwargs` that are an object', shown(kwargs))
  if (missed !== undefined && !missedPolicies.includes(missed)) {
    throw invalid(name, 'to treat missed firings by skip, one or all', shown(missed))
  }
  if (priority !== undefined && priorityNumber(priority) === undefined) {
    throw invalid(name, `to have a priority of ${priorityNames.join(', ')}`, shown(priority))
  }
  if (lostLimit !== undefined && !(Number.isSafeInteger(lostLimit) && lostLimit >= 0)) {
    throw invalid(name, 'to have a `lostLimit` that is a whole number from 0', shown(lostLimit))
  }
  if (deadlineMs !== undefined && !(Number.isSafeInteger(deadlineMs) && deadlineMs >= 1 && deadlineMs <= longestDurationMs)) {
    throw invalid(name, `to have a \`deadlineMs\` of whole milliseconds from 1 to ${longestDurationMs}`, shown(deadlineMs))
  }
  if (paused !== undefined && typeof paused !== 'boolean')
    throw invalid(name, 'to have a `paused` of true or false', shown(paused))
  return spec
}

/** Those of a schedule that is kept are among them: what was listed may be added again. */
const scheduleNames: OptionNames<Schedule> = {
  name: true,
  cron: true,
  everyMs: true,
  zone: true,
  task: true,
  input: true,
  args: true,
  kwargs: true,
  queue: true,
  priority: true,
  lostLimit: true,
  deadlineMs: true,
  missed: true,
  paused: true,
  nextAt: true,
  lastAt: true,
}

/** A shorter interval would fire faster than maintenance looks. */
const shortestIntervalMs = 1000

const missedPolicies: readonly MissedPolicy[] = ['skip', 'one', 'all']

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(schedule: string, expected: string, got: string): ConfigError {
  return new ConfigError('SCHEDULE_INVALID', `expected schedule ${schedule} ${expected}, got: ${got}`, { subject: schedule })
}

/** Gives the first firing strictly after the time. */
export function nextFiring(spec: ScheduleSpec, after: number, cron: Cron): number | undefined {
  if (spec.everyMs !== undefined) return (Math.floor(after / spec.everyMs) + 1) * spec.everyMs
  return spec.cron === undefined ? undefined : cron.next(spec.cron, spec.zone, after)
}

/**
 * Decides which firings of a schedule to enqueue now, and when to look again. The stored `nextAt` is the first firing not
 * yet handled: what lies before it is never fired again, not even when the clock is set back.
 *
 *   nextAt ...... now - missedAfterMs ...... now ...... next
 *     | missed: by policy |  on time: all of them | later
 */
export function decideFiring(schedule: Schedule, now: number, cron: Cron): Firing {
  const { nextAt } = schedule
  if (schedule.paused || nextAt === undefined) return { times: [], nextAt: undefined }
  if (nextAt > now) return { times: [], nextAt }
  const onTimeFrom = now - missedAfterMs
  const missed = nextAt < onTimeFrom ? missedFirings(schedule, nextAt, onTimeFrom, cron) : []
  const onTime = firingsBetween(schedule, Math.max(nextAt, onTimeFrom), now + 1, Number.POSITIVE_INFINITY, cron) ?? []
  return { times: [...missed, ...onTime], nextAt: nextFiring(schedule, now, cron) }
}

function missedFirings(schedule: Schedule, from: number, before: number, cron: Cron): readonly number[] {
  const policy = schedule.missed ?? 'one'
  return policy === 'skip' ? [] : latestFirings(schedule, { from, before, limit: policy === 'one' ? 1 : missedLimit }, cron)
}

/**
 * The last `limit` firings in [from, before), oldest first. A cron line can only be asked forwards, and years of firings
 * may lie in between: so windows are laid from the end backwards, each twice as wide as the one before. One that holds
 * more than is still wanted is cut in half, again and again, and only the later half looked at.
 */
function latestFirings(
  schedule: Schedule,
  { from, before, limit }: { readonly from: number; readonly before: number; readonly limit: number },
  cron: Cron,
): readonly number[] {
  const blocks: (readonly number[])[] = []
  let wanted = limit
  let end = before
  let width = 60_000
  let crowded: number | undefined // From here to the end there are more than wanted.
  while (wanted > 0 && end > from) {
    const start = crowded === undefined ? Math.max(from, end - width) : Math.ceil((crowded + end) / 2)
    const block = firingsBetween(schedule, start, end, wanted, cron)
    if (block === undefined) {
      crowded = start
    } else {
      blocks.unshift(block)
      wanted -= block.length
      end = start
      width *= 2
    }
  }
  return blocks.flat()
}

/** The firings in [from, before), oldest first; undefined when there are more than `most`. */
function firingsBetween(
  schedule: Schedule,
  from: number,
  before: number,
  most: number,
  cron: Cron,
): readonly number[] | undefined {
  const times: number[] = []
  // What was stored as the next firing is one, even if the zone's rules have changed since.
  let at = from === schedule.nextAt ? from : nextFiring(schedule, from - 1, cron)
  while (at !== undefined && at < before) {
    if (times.length === most) return undefined
    times.push(at)
    at = nextFiring(schedule, at, cron)
  }
  return times
}
