/** `lovage schedule`: cron lines and intervals that enqueue tasks. */
import { type Client, type CronTimes, type IntervalTimes, placed, publishedTask, type ScheduleOptions } from '@lovage/client'
import { ConfigError, durationMs, type MissedPolicy, nearest, type PriorityName, type Schedule, TaskError } from '@lovage/core'
import { withBroker } from '../connection.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { inputArgument } from '../input-argument.ts'
import { type Action, argument, type Invocation } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { nextFiringText, scheduleRows } from '../render/schedule-rows.ts'
import { print, printJson } from '../terminal.ts'

interface AddFlags {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly zone?: string
  readonly missed?: MissedPolicy
  /** Milliseconds. */
  readonly deadline?: number
  readonly queue?: string
  readonly priority?: PriorityName
}

export const scheduleAdd: Action<AddFlags> = async (invocation) => {
  const { terminal, settings, options } = invocation
  const input = await inputArgument(invocation, 3)
  // A zone beside an interval is refused by the client, which says why.
  const spec = {
    name: argument(invocation, 0),
    ...timing(argument(invocation, 1)),
    task: argument(invocation, 2),
    ...(input === undefined ? {} : { input }),
    ...options,
  } as ScheduleOptions
  const add = async ({ admin, schedules }: Client) =>
    schedules.add(placed(spec, publishedTask((await admin?.workers()) ?? [], argument(invocation, 2))))
  const added = await withBroker(invocation, add, { create: true })
  if (settings.json) printJson(terminal, added)
  else print(terminal.out, `${added.name}: ${added.task} ${nextFiringText(added, Date.now())}`)
  return exitCodes.done
}

/** A cron line has spaces between fields of digits and signs, or begins with "@"; everything else is an interval. */
function timing(text: string): Pick<CronTimes, 'cron'> | Pick<IntervalTimes, 'every'> {
  const trimmed = text.trim()
  if (trimmed.startsWith('@') || /[*?/]/.test(trimmed) || trimmed.split(/\s+/).length >= 5) return { cron: trimmed }
  try {
    return { every: durationMs(trimmed) }
  } catch (error) {
    const message = `expected WHEN to be a cron line such as "0 3 * * *" or an interval such as "30s", got: ${JSON.stringify(text)}`
    throw new ConfigError('SCHEDULE_INVALID', message, { cause: error })
  }
}

export const scheduleList: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const schedules = await withBroker(invocation, (broker) => broker.schedules.list())
  if (settings.json) printJson(terminal, { schedules })
  else if (schedules.length === 0) print(terminal.out, `no schedules in ${settings.broker}`)
  else
    for (const line of scheduleRows(schedules, painter(terminal.out), Date.now(), terminal.out.columns)) print(terminal.out, line)
  return exitCodes.done
}

export const scheduleRemove: Action = (invocation) => change(invocation, 'removed', (schedules, name) => schedules.remove(name))
export const schedulePause: Action = (invocation) => change(invocation, 'paused', (schedules, name) => schedules.pause(name))
export const scheduleResume: Action = (invocation) => change(invocation, 'resumed', (schedules, name) => schedules.resume(name))

interface ScheduleVerbs {
  remove(name: string): Promise<boolean>
  pause(name: string): Promise<boolean>
  resume(name: string): Promise<boolean>
}

async function change(
  invocation: Invocation,
  did: string,
  verb: (schedules: ScheduleVerbs, name: string) => Promise<boolean>,
): Promise<ExitCode> {
  const { terminal, settings } = invocation
  const name = argument(invocation, 0)
  await withBroker(invocation, async ({ schedules }) => {
    if (!(await verb(schedules, name))) throw unknownSchedule(name, await schedules.list())
  })
  if (settings.json) printJson(terminal, { name, [did]: true })
  else print(terminal.out, `${name} ${did}`)
  return exitCodes.done
}

export const scheduleRun: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const name = argument(invocation, 0)
  const id = await withBroker(invocation, async ({ schedules }) => {
    const known = await schedules.list()
    if (!known.some((schedule) => schedule.name === name)) throw unknownSchedule(name, known)
    return schedules.run(name)
  })
  if (settings.json) printJson(terminal, { id })
  else print(terminal.out, id)
  return exitCodes.done
}

function unknownSchedule(name: string, known: readonly Schedule[]): TaskError {
  const names = known.map((schedule) => schedule.name)
  const close = nearest(name, names)
  const cure = close === undefined ? '`lovage schedule list` lists them' : `did you mean ${close}?`
  return new TaskError('SCHEDULE_UNKNOWN', `expected the name of a schedule, got: ${name}; ${cure}`, { subject: name })
}
