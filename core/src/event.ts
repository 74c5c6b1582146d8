/** Events: what workers and senders tell the world. Names are Celery's, so that one monitor understands both. */

/** Task events in the order of a task's life, then worker events. */
export const eventTypes = [
  'task-sent',
  'task-received',
  'task-started',
  'task-progress',
  'task-log',
  'task-succeeded',
  'task-retried',
  'task-failed',
  'task-rejected',
  'task-revoked',
  'task-released',
  'worker-online',
  'worker-heartbeat',
  'worker-offline',
] as const
export type EventType = (typeof eventTypes)[number]

/** One event. Worker events carry load figures, task events at least `id` and `name`. */
export interface WorkerEvent {
  /** One of `eventTypes`, or a user's own. */
  readonly type: string
  /** Epoch milliseconds. */
  readonly at: number
  /** `name@host` of the emitter. */
  readonly worker: string
  readonly [field: string]: unknown
}
