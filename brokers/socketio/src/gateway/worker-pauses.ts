/** Pauses of workers as an operator begins and ends them, from any process on the store. */
import {
  ConfigError,
  checkName,
  checkOptionNames,
  type Desk,
  type Duration,
  durationMs,
  type EventBus,
  type OptionNames,
  type WorkerInfo,
} from '@lovage/core'
import { limits } from '../wire/limits.ts'
import { PauseBook, type PauseEntry } from './pause-book.ts'

export interface PauseOptions {
  /** Default 15 minutes; at a gateway its `pause`. */
  readonly duration?: Duration | undefined
  /** Default `paused by an operator`. */
  readonly reason?: string | undefined
}

export interface PausedWorker {
  /** Of the worker, not of one start of it. */
  readonly id: string
  readonly until: Date
  readonly reason: string
  /** How often it was paused since it was last well. */
  readonly count: number
}

export interface WorkerPauses {
  /** Those that hold now. */
  list(): Promise<readonly PausedWorker[]>
  /**
   * Gives a worker no tasks for a while, wherever it is connected and whether or not; what it runs it goes on with. A new start of the
   * worker does not end it.
   * @throws {ConfigError} NAME_INVALID, DURATION_INVALID, OPTION_INVALID
   */
  pause(id: string, options?: PauseOptions): Promise<PausedWorker>
  /** Ends a pause, also of a worker that rejected a task. False when there was none. */
  resume(id: string): Promise<boolean>
}

/** What pauses need of a broker. */
export interface PauseHome {
  readonly desk?: Pick<Desk, 'records' | 'now'> | undefined
  /** Tells gateways at once. Without it they find out within a third of their lease. */
  readonly events?: Pick<EventBus, 'emit'> | undefined
}

const optionNames: OptionNames<PauseOptions> = { duration: true, reason: true }

/** @throws {ConfigError} UNSUPPORTED for a broker that keeps nothing */
export function workerPauses({ desk, events }: PauseHome): WorkerPauses {
  if (desk === undefined) {
    throw new ConfigError(
      'UNSUPPORTED',
      'expected a broker that keeps its tasks, and pauses of workers beside them, got one that does not',
    )
  }
  const book = new PauseBook(desk, events)
  return {
    async list() {
      return [...(await book.list())].map(([id, entry]) => shownEntry(id, entry))
    },
    async pause(id, options = {}) {
      checkName(id, 'worker')
      checkOptionNames(options, optionNames, 'a pause')
      const { duration = '15 minutes', reason = byOperator } = options
      const ms = durationMs(duration, 'duration')
      const count = ((await book.get(id))?.count ?? 0) + 1
      const entry = { until: desk.now() + ms, reason: reason.slice(0, limits.proseCharacters), count, holder: '' }
      await book.put(id, entry)
      return shownEntry(id, entry)
    },
    async resume(id) {
      if ((await book.get(id)) === undefined) return false
      await book.remove(id)
      return true
    },
  }
}

export const byOperator = 'paused by an operator'

function shownEntry(id: string, { until, reason, count }: PauseEntry): PausedWorker {
  return { id, until: new Date(until), reason, count }
}

/** The id of a worker that a gateway attends to, as brokers list it; undefined for workers of other kinds. */
export function socketWorkerId({ name, keeper, pid, everyTask }: WorkerInfo): string | undefined {
  // A whole Worker over a socket tells its process.
  return keeper !== undefined && pid === undefined && everyTask === true ? name.slice(0, name.lastIndexOf('@')) : undefined
}
