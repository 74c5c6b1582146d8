/** The Admin port: what an operator can see and change on a broker that keeps its tasks. */
import type { PublishedTask } from '../message.ts'
import type { Schedule, ScheduleSpec } from '../schedule.ts'
import type { Task } from '../task.ts'
import type { LogLine, TaskPage, TaskQuery } from './store.ts'
import type { WorkerPools } from './worker-pools.ts'

/** A worker that is, or believes itself, alive. */
export interface WorkerInfo {
  /** `name@host`. */
  readonly name: string
  /** This start of it (see the Liveness port). */
  readonly holder: string
  readonly host: string
  /** Undefined where it is not known: of some workers elsewhere. */
  readonly pid?: number | undefined
  readonly startedAt: number
  readonly queues: readonly string[]
  readonly tasks: readonly PublishedTask[]
  /** It takes tasks of every name and hands them on. */
  readonly everyTask?: boolean | undefined
  /** The holder of the process that speaks for a worker elsewhere. */
  readonly keeper?: string | undefined
  /**
   * How long such a worker has to come to another process once that one is gone, until what it runs goes elsewhere (milliseconds).
   * Undefined: as long as its leases.
   */
  readonly graceMs?: number | undefined
}

export interface QueueInfo {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Partial<Record<Task['state'], number>>>
  /** `createdAt` of the oldest pending task. */
  readonly oldestPendingAt?: number | undefined
}

/** Why a task is where it is. */
export interface Explanation {
  readonly id: string
  readonly state: Task['state'] | 'unknown'
  /** One or more sentences for a person, the decisive one first. */
  readonly reasons: readonly string[]
}

export interface Admin {
  readonly schedules: Schedules
  readonly pools: WorkerPools
  find(query: TaskQuery): Promise<TaskPage>
  get(ids: readonly string[]): Promise<readonly (Task | undefined)[]>
  logs(id: string): Promise<readonly LogLine[]>
  explain(id: string): Promise<Explanation>
  /** Makes resolved, scheduled or blocked tasks pending again, budgets renewed. Answers per id whether it had an effect. */
  retry(ids: readonly string[]): Promise<readonly boolean[]>
  /** @param states those to count; default all. Without resolved ones nobody walks over the history. */
  queues(states?: readonly Task['state'][]): Promise<readonly QueueInfo[]>
  pauseQueue(queue: string): Promise<void>
  resumeQueue(queue: string): Promise<void>
  workers(): Promise<readonly WorkerInfo[]>
  /** A random text of 43 characters that all processes of this broker share under that name; made when it is first asked for. */
  secret(name: string): Promise<string>
}

export interface Schedules {
  /** Adds or replaces by name. @throws {ConfigError} CRON_INVALID, DURATION_INVALID, SCHEDULE_INVALID */
  add(spec: ScheduleSpec): Promise<Schedule>
  list(): Promise<readonly Schedule[]>
  /** False when there was none of that name. */
  remove(name: string): Promise<boolean>
  pause(name: string): Promise<boolean>
  resume(name: string): Promise<boolean>
  /** Sends the schedule's task now, beside its times. Answers the task's id. @throws {TaskError} SCHEDULE_UNKNOWN */
  run(name: string): Promise<string>
}
