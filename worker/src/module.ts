/** The module port: an optional part of a worker, and what it may ask of the worker that it is attached to. */
import type { EventEmitter } from 'node:events'
import type { Broker, Clock, Logger } from '@lovage/core'
import type { Autoscaler } from './autoscaler.ts'
import type { EventDesk } from './event-desk.ts'
import type { Lamport } from './lamport.ts'
import type { Pool } from './pool.ts'
import type { RevokedIds } from './revoked-ids.ts'
import type { RegisteredTask } from './task-registry.ts'
import type { TaskRun } from './task-run.ts'
import type { WorkerEvents } from './worker-events.ts'

/** An optional part of a worker. One of the same name given later takes the place of the earlier one. */
export interface Module {
  readonly name: string
  /** Called once, before the worker consumes. A throw keeps the worker from starting. */
  start(worker: WorkerSurface): void | Promise<void>
  /**
   * Called once, when nothing runs any more; again when a start that a cold stop did not wait for ends after all. A throw
   * is reported as `error`.
   */
  stop(): void | Promise<void>
  /** Called when the broker was away and is back, after the event `back`; modules take their turns. A throw is reported. */
  back?(): void | Promise<void>
  /** Facts for `stats`. */
  describe?(): Readonly<Record<string, unknown>>
}

/** Answers a command. What it returns (or resolves to) is the reply; what it throws, the reply's error. */
export type CommandHandler = (args: Readonly<Record<string, unknown>>, worker: WorkerSurface) => unknown

export interface StopOptions {
  /** Aborts what runs instead of waiting for it, and gives it back. Default false. */
  readonly cold?: boolean | undefined
}

/** What a worker was told to be; shown by the command `conf`. */
export interface WorkerSettings {
  /** `broker`: as the settings of the broker say. */
  readonly prefetch: 'auto' | 'broker' | number
  readonly abortGraceMs: number
  readonly coldGraceMs: number
}

/** How many tasks a worker runs and holds. */
export interface WorkerLoad {
  readonly active: number
  readonly reserved: number
  readonly scheduled: number
  /** Handlers that go on although nobody waits for them any more. */
  readonly lingering: number
  /** Runs begun since the start. */
  readonly processed: number
}

/** A worker as its modules and commands see it. */
export interface WorkerSurface extends Pick<EventEmitter<WorkerEvents>, 'on' | 'off' | 'emit' | 'listenerCount' | 'eventNames'> {
  readonly name: string
  readonly broker: Broker
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: Pool
  readonly settings: WorkerSettings
  readonly startedAt: number
  readonly lamport: Lamport
  readonly revoked: RevokedIds
  readonly registry: ReadonlyMap<string, RegisteredTask>
  readonly events: EventDesk
  readonly autoscaler: Autoscaler
  readonly modules: readonly Module[]
  /** Commands that were added by name; they stand above the built-in ones. */
  readonly commands: ReadonlyMap<string, CommandHandler>
  readonly concurrency: number
  readonly prefetch: number
  readonly queues: readonly string[]
  readonly paused: boolean
  /** `stop` was called; what runs may still go on. */
  readonly stopping: boolean
  readonly load: WorkerLoad
  active(): readonly TaskRun[]
  reserved(): readonly TaskRun[]
  scheduled(): readonly TaskRun[]
  /** Emits `error`, or logs it where nobody listens. Never throws. */
  report(error: unknown): void
  /** Emits to listeners; what they throw is reported. */
  tell<Name extends keyof WorkerEvents>(name: Name, ...args: WorkerEvents[Name]): void
  /** Drops these tasks when they come; with `terminate` also stops those that run. Answers the ids that were here. */
  revoke(ids: readonly string[], options?: { readonly terminate?: boolean; readonly signal?: string }): readonly string[]
  /** Looks at what waits for rate limits, after one has changed. */
  refreshLimits(): void
  addQueue(queue: string): Promise<void>
  cancelQueue(queue: string): Promise<void>
  /** Sets how many tasks run at once. @throws {ConfigError} OPTION_INVALID */
  resize(concurrency: number): void
  pause(): void
  resume(): void
  stop(options?: StopOptions): Promise<void>
}
