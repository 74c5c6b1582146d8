/** Schedules as a person writes them, and the specs that a broker keeps. */
import {
  type AnyTask,
  ConfigError,
  checkName,
  checkOptionNames,
  type Duration,
  durationMs,
  type MissedPolicy,
  type OptionNames,
  type PriorityName,
  priorityName,
  type Schedule,
  type ScheduleSpec,
  type Schedules,
  type TaskDefinition,
} from '@lovage/core'
import { validation } from './sender.ts'

/** What `schedules.add` takes: what to send, and either a cron line or an interval. */
export type ScheduleOptions<Sent = unknown> = ScheduledTask<Sent> & (CronTimes | IntervalTimes)

/** When a schedule fires: by a cron line. */
export interface CronTimes {
  /** Five or six cron fields (seconds first) or a nickname such as `@daily`. Either this or `every`. */
  readonly cron: string
  /** IANA zone of the cron line. Default UTC. */
  readonly zone?: string | undefined
  readonly every?: undefined
}

/** When a schedule fires: by an interval. */
export interface IntervalTimes {
  /** The time between firings, counted from the epoch. Either this or `cron`. */
  readonly every: Duration
  readonly cron?: undefined
  readonly zone?: undefined
}

/** What a schedule sends. */
export interface ScheduledTask<Sent = unknown> {
  readonly name: string
  readonly task: TaskDefinition<Sent, unknown> | string
  readonly input?: NoInfer<Sent> | undefined
  /** Positional and named arguments, for tasks of other languages. */
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  /** Default: the definition's, else `default`. */
  readonly queue?: string | undefined
  /** Default: the definition's, else `medium`. */
  readonly priority?: PriorityName | undefined
  /** Workers that may be lost while running the task. Default: the definition's, else 5. */
  readonly lostLimit?: number | undefined
  /**
   * After this time each task of it is pointless, as with `send`: it ends as `deadline-exceeded`. Above 0, and counted from when
   * the task is made, so that one that makes up for a missed firing has as long as any. Default: no deadline.
   */
  readonly deadline?: Duration | undefined
  /** What happens to firings missed while nothing ran. Default `one`. */
  readonly missed?: MissedPolicy | undefined
  /** It begins paused. One that was added before stays as it is, paused or not. Default false. */
  readonly paused?: boolean | undefined
}

/** Schedule options as they may come from those who have no compiler. @internal */
export interface AnyScheduleOptions extends Omit<ScheduledTask, 'task'> {
  readonly task: AnyTask | string
  readonly cron?: string | undefined
  readonly zone?: string | undefined
  readonly every?: Duration | undefined
  /** As `list` answers it, in place of `every`. */
  readonly everyMs?: number | undefined
  /** As `list` answers it, in place of `deadline`. */
  readonly deadlineMs?: number | undefined
  /** As `list` answers them: the broker keeps these times itself. */
  readonly nextAt?: number | undefined
  readonly lastAt?: number | undefined
}

const optionNames: OptionNames<AnyScheduleOptions> = {
  name: true,
  cron: true,
  every: true,
  zone: true,
  task: true,
  input: true,
  args: true,
  kwargs: true,
  queue: true,
  priority: true,
  lostLimit: true,
  deadline: true,
  missed: true,
  paused: true,
  everyMs: true,
  deadlineMs: true,
  nextAt: true,
  lastAt: true,
}

/** The schedules of a broker, with `add` as a person writes it. */
export interface ClientSchedules extends Omit<Schedules, 'add'> {
  /**
   * Adds or replaces by name.
   * @throws {ConfigError} OPTION_INVALID, CRON_INVALID, DURATION_INVALID, SCHEDULE_INVALID, NAME_INVALID, UNSUPPORTED
   * @throws {TaskError} INPUT_INVALID
   */
  add<Sent>(options: ScheduleOptions<Sent>): Promise<Schedule>
  /**
   * Adds what `list` answered, changed or not, here or at another queue. A written `every` stands above its `everyMs`, a
   * written `deadline` above its `deadlineMs`.
   */
  add(listed: Schedule & { readonly every?: Duration | undefined; readonly deadline?: Duration | undefined }): Promise<Schedule>
}

/**
 * Makes the spec of a schedule.
 * @throws {ConfigError} OPTION_INVALID, SCHEDULE_INVALID, DURATION_INVALID, NAME_INVALID
 * @internal
 */
export function scheduleSpec(options: AnyScheduleOptions): ScheduleSpec {
  const { cron, every, zone, task, input, args, kwargs, missed, paused } = options
  const name = checkName(options.name, 'schedule')
  checkOptionNames(options, optionNames, `schedule ${name}`)
  const listedMs = cron === undefined && every === undefined ? options.everyMs : undefined
  if ((cron === undefined) === (every === undefined) && listedMs === undefined) {
    const got = cron === undefined ? 'neither' : 'both'
    throw new ConfigError('SCHEDULE_INVALID', `expected schedule ${name} to have either \`cron\` or \`every\`, got ${got}`)
  }
  const everyMs = every === undefined ? listedMs : durationMs(every, 'every')
  if (everyMs === 0) {
    const got = every ?? '0 (`everyMs`)'
    throw new ConfigError('SCHEDULE_INVALID', `expected \`every\` of schedule ${name} to be above 0, got: ${got}`)
  }
  const known = typeof task === 'string' ? undefined : task
  const deadlineMs = deadlineOf(options)
  return {
    name,
    cron,
    everyMs,
    zone,
    task: known?.name ?? checkName(task as string, 'task'),
    input,
    args,
    kwargs,
    queue: options.queue === undefined ? known?.queue : checkName(options.queue, 'queue'),
    priority: options.priority ?? (known === undefined ? undefined : priorityName(known.priority)),
    lostLimit: options.lostLimit ?? known?.lostLimit,
    deadlineMs,
    missed,
    paused,
  }
}

function deadlineOf({ name, deadline, deadlineMs }: AnyScheduleOptions): number | undefined {
  if (deadline === undefined) return deadlineMs
  const ms = durationMs(deadline, 'deadline')
  if (ms > 0) return ms
  throw new ConfigError('SCHEDULE_INVALID', `expected \`deadline\` of schedule ${name} to be above 0, got: ${deadline}`)
}

/** Gives the schedules of whatever broker `find` finds; it throws where there are none. @internal */
export function clientSchedules(find: () => Schedules): ClientSchedules {
  return {
    async add(options: unknown): Promise<Schedule> {
      const schedules = find()
      const spec = scheduleSpec(options as AnyScheduleOptions)
      const { task, input, args, kwargs } = options as AnyScheduleOptions
      await validation({ task, input, options: { args, kwargs } })
      return schedules.add(spec)
    },
    list: async () => find().list(),
    remove: async (name) => find().remove(name),
    pause: async (name) => find().pause(name),
    resume: async (name) => find().resume(name),
    run: async (name) => find().run(name),
  }
}
