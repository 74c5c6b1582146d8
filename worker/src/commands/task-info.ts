/** A task as `active`, `reserved`, `scheduled` and `query_task` show it: Celery's keys, all of them and no other. */
import { isoTime } from '../event-desk.ts'
import type { TaskRun } from '../task-run.ts'

export interface TaskInfo {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly hostname: string
  /** Seconds since 1970; null before it runs. */
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: {
    readonly exchange: string
    readonly routing_key: string
    readonly priority: number
    readonly redelivered: boolean
  }
  readonly worker_pid: number | null
}

export function taskInfo(run: TaskRun, worker: string): TaskInfo {
  const { message, delivery, startedAt } = run
  return {
    id: message.id,
    name: message.name,
    type: message.name,
    args: run.args,
    kwargs: message.kwargs ?? {},
    hostname: worker,
    time_start: startedAt === 0 ? null : startedAt / 1000,
    acknowledged: false,
    delivery_info: { exchange: '', routing_key: message.queue, priority: message.priority, redelivered: delivery.redelivered },
    worker_pid: startedAt === 0 ? null : process.pid,
  }
}

/** A task that waits for its time. Priority is Celery's constant for its timer. */
export function scheduledInfo(run: TaskRun, worker: string): { eta: string | null; priority: number; request: TaskInfo } {
  return { eta: isoTime(run.message.at), priority: 6, request: taskInfo(run, worker) }
}
