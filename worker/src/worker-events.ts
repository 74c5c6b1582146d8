/** What a Worker emits, by name. */
import type { DeliveredMessage, eventTypes, WorkerEvent } from '@lovage/core'

/** Remote control, as `worker.pidbox.{method}` sees it before the command runs. */
export interface PidboxCall {
  readonly method: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface WorkerEvents extends Record<(typeof eventTypes)[number], [event: WorkerEvent]> {
  /** Recovered. Without a listener it goes to the logger. */
  error: [error: Error]
  /** Not recovered: the worker could not start, or its broker sent it away for good; then it ends. */
  fatal: [error: Error]
  /** Consuming. */
  ready: []
  /** The broker was away and is back: what was said meanwhile was not heard. Only of brokers whose messages are not kept. */
  back: []
  /** Stopping: nothing new begins. */
  end: []
  /** Stopped: everything is settled and closed. */
  exit: []
  /** The emitter's own: someone begins to listen. */
  newListener: [name: string | symbol, listener: unknown]
  /** An event of any worker; `worker.dispatch.*` hears every type. */
  [dispatched: `worker.dispatch.${string}`]: [event: WorkerEvent]
  /** A task of that name begins here; `worker.task.*` hears every name. */
  [begun: `worker.task.${string}`]: [message: DeliveredMessage]
  /** A command for this worker; `worker.pidbox.*` hears every method. */
  [controlled: `worker.pidbox.${string}`]: [call: PidboxCall]
}
