/** The thread pool: handlers run in worker threads of this process; one that hangs can be killed. */
import { checkOptionNames, type OptionNames } from '@lovage/core'
import type { Pool } from '../pool.ts'
import { type LanePoolOptions, lanePool } from './lane-pool.ts'
import { type ThreadLaneOptions, threadLane } from './thread-lane.ts'

/** What `threadPool` takes. */
export interface ThreadPoolOptions extends LanePoolOptions, ThreadLaneOptions {}

const optionNames: OptionNames<ThreadPoolOptions> = {
  modules: true,
  size: true,
  maxTasksPerChild: true,
  execArgv: true,
  resourceLimits: true,
}

/**
 * Makes a pool of worker threads. A crash of native code in one takes the whole worker with it; `processPool` stands that.
 * @throws {ConfigError} OPTION_INVALID, MODULE_INVALID
 */
export function threadPool(options: ThreadPoolOptions): Pool {
  checkOptionNames(options, optionNames, 'threadPool')
  return lanePool({ name: 'threads', noun: 'thread', open: (listener) => threadLane(listener, options) }, options)
}
