/** What every part of the queue stands on: the ports and the settings, put together once. */
import type { Clock, Cron, Liveness, Logger, Random, Signal, Store } from '@lovage/core'
import type { Announcer } from './announcer.ts'
import type { KeepAlive } from './keep-alive.ts'

export interface Engine {
  readonly store: Store
  readonly signal: Signal
  readonly liveness: Liveness | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly cron: Cron
  readonly random: Random
  readonly newId: () => string
  readonly announcer: Announcer
  readonly keepAlive: KeepAlive
  readonly settings: QueueSettings
}

/** Lengths of time are milliseconds. */
export interface QueueSettings {
  readonly leaseMs: number
  /** The slow check that makes up for lost signals. */
  readonly safetyMs: number
  /** The most characters of an input, a result or a failure as JSON. */
  readonly maxPayload: number
  readonly retention: Retention
}

/** How long what is over is kept, in milliseconds. */
export interface Retention {
  readonly completedMs: number
  readonly failedMs: number
  readonly exceptionMs: number
  /** Results of completed tasks; the task's row stays as long as `completedMs` says. */
  readonly resultMs: number
}

/** How many changes the store takes best in one call: pieces that let it and the handlers work side by side. */
export function batchOf({ store }: Engine): number {
  return store.capabilities.batch ?? 256
}
