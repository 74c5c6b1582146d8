/** Schedules: kept as records beside the tasks, fired by whichever process comes first, never twice. */
import {
  ConfigError,
  checkSchedule,
  decideFiring,
  type NewTask,
  nextFiring,
  priorityNumber,
  type Schedule,
  type ScheduleSpec,
  type Schedules,
  type StoredRecord,
  StoreError,
  TaskError,
} from '@lovage/core'
import { schedulesChannel } from './channels.ts'
import type { Engine } from './engine.ts'
import { encodePayload } from './payload.ts'

const kind = 'schedule'
const longestIdPart = 150
const attempts = 20

export class QueueSchedules implements Schedules {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async add(spec: ScheduleSpec): Promise<Schedule> {
    checkSchedule(spec)
    if (encodeURIComponent(spec.name).length > longestIdPart) {
      throw new ConfigError(
        'NAME_INVALID',
        `expected the schedule name to have at most ${longestIdPart} characters as a URL part, got: ${spec.name}`,
      )
    }
    const { maxPayload } = this.#engine.settings
    encodePayload(spec.input, maxPayload, () => `input of schedule ${spec.name}`)
    encodePayload([spec.args, spec.kwargs], maxPayload, () => `arguments of schedule ${spec.name}`)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const record = await this.#engine.store.records.read(kind, spec.name)
      const schedule = this.#taken(spec, record === undefined ? undefined : scheduleOf(record))
      if (await this.#write(schedule, record?.version ?? 0)) return schedule
    }
    throw new StoreError('STORE_BUSY', `expected to write schedule ${spec.name}, but others kept changing it; try again`)
  }

  /** Declaring a schedule again, as programs do when they start, keeps what it has missed and that someone paused it. */
  #taken(spec: ScheduleSpec, known: Schedule | undefined): Schedule {
    const { clock, cron } = this.#engine
    const isSameTime = known?.cron === spec.cron && known?.everyMs === spec.everyMs && known?.zone === spec.zone
    const nextAt = nextFiring(spec, clock.now(), cron)
    if (nextAt === undefined) {
      throw new ConfigError(
        'SCHEDULE_INVALID',
        `expected schedule ${spec.name} to fire some day, got a cron line that never does: ${spec.cron}`,
      )
    }
    const paused = known?.paused ?? spec.paused ?? false
    return {
      ...spec,
      paused,
      nextAt: paused ? undefined : isSameTime ? (known?.nextAt ?? nextAt) : nextAt,
      lastAt: known?.lastAt,
    }
  }

  async list(): Promise<readonly Schedule[]> {
    return (await this.#engine.store.records.list(kind)).map(scheduleOf)
  }

  async remove(name: string): Promise<boolean> {
    const record = await this.#engine.store.records.read(kind, name)
    if (record === undefined) return false
    await this.#engine.store.records.write([{ kind, key: name, value: null }])
    this.#changed()
    return true
  }

  pause(name: string): Promise<boolean> {
    return this.#change(name, (schedule) => ({ ...schedule, paused: true, nextAt: undefined }))
  }

  /** What would have fired while it was paused is not made up for. */
  resume(name: string): Promise<boolean> {
    const { clock, cron } = this.#engine
    return this.#change(name, (schedule) =>
      schedule.paused ? { ...schedule, paused: false, nextAt: nextFiring(schedule, clock.now(), cron) } : schedule,
    )
  }

  async run(name: string): Promise<string> {
    const record = await this.#engine.store.records.read(kind, name)
    if (record === undefined) {
      throw new TaskError(
        'SCHEDULE_UNKNOWN',
        `expected the name of a schedule, got: ${name}; \`lovage schedule list\` shows them`,
        { subject: name },
      )
    }
    const id = this.#engine.newId()
    await this.#insert([this.#task(scheduleOf(record), this.#engine.clock.now(), id)])
    return id
  }

  /** Enqueues what is due and answers when to look again. Any number of processes may do so at once. */
  async fire(now: number): Promise<number | undefined> {
    let next: number | undefined
    for (const record of await this.#engine.store.records.list(kind)) {
      const at = await this.#fireOne(record, now).catch((error: unknown) => {
        this.#engine.logger.error({ err: error, schedule: record.key }, `schedule ${record.key} could not be fired`)
        return undefined
      })
      if (at !== undefined && (next === undefined || at < next)) next = at
    }
    return next
  }

  async #fireOne(record: StoredRecord, now: number): Promise<number | undefined> {
    const schedule = scheduleOf(record)
    const { times, nextAt } = decideFiring(schedule, now, this.#engine.cron)
    if (times.length === 0 && nextAt === schedule.nextAt) return nextAt
    // The id names the firing: whoever else fires the same one finds it there. So the tasks go first and the record after
    // them, and a crash in between loses nothing.
    const part = encodeURIComponent(schedule.name)
    await this.#insert(times.map((time) => this.#task(schedule, time, `schedule:${part}:${time}`)))
    const fired: Schedule = { ...schedule, nextAt, lastAt: times.at(-1) ?? schedule.lastAt }
    await this.#engine.store.records.write([{ kind, key: record.key, value: JSON.stringify(fired), version: record.version }])
    return nextAt
  }

  async #insert(tasks: readonly NewTask[]): Promise<void> {
    if (tasks.length === 0) return
    const { store, announcer } = this.#engine
    const reply = await store.insert(tasks)
    announcer.inserted(tasks, reply)
    const deadlines = tasks.flatMap(({ deadline }, index) =>
      reply.results[index]?.status === 'inserted' ? (deadline ?? []) : [],
    )
    if (deadlines.length > 0) announcer.due(Math.min(...deadlines))
  }

  #task(schedule: Schedule, time: number, id: string): NewTask {
    const { args, kwargs, deadlineMs } = schedule
    const now = this.#engine.clock.now()
    return {
      id,
      name: schedule.task,
      queue: schedule.queue ?? 'default',
      priority: priorityNumber(schedule.priority ?? 'medium') ?? 4,
      input: encodePayload(schedule.input, this.#engine.settings.maxPayload, () => `input of schedule ${schedule.name}`),
      extras: {
        ...(args === undefined ? {} : { args }),
        ...(kwargs === undefined ? {} : { kwargs }),
        headers: { schedule: schedule.name, scheduledFor: time },
      },
      lostLimit: schedule.lostLimit ?? 5,
      // From now, not from its time: what is made up for is late already.
      deadline: deadlineMs === undefined ? undefined : now + deadlineMs,
      createdAt: now,
    }
  }

  async #change(name: string, change: (schedule: Schedule) => Schedule): Promise<boolean> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const record = await this.#engine.store.records.read(kind, name)
      if (record === undefined) return false
      if (await this.#write(change(scheduleOf(record)), record.version)) return true
    }
    return false
  }

  async #write(schedule: Schedule, version?: number): Promise<boolean> {
    const written = await this.#engine.store.records.write([
      { kind, key: schedule.name, value: JSON.stringify(schedule), version },
    ])
    this.#changed()
    return written
  }

  #changed(): void {
    this.#engine.signal.publish(schedulesChannel, '')
  }
}

function scheduleOf(record: StoredRecord): Schedule {
  return JSON.parse(record.value) as Schedule
}
