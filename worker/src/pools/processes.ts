/** The process pool: handlers run in processes of their own, which neither hang nor crash the worker, nor outlive it. */
import { checkOptionNames, type OptionNames } from '@lovage/core'
import type { Pool } from '../pool.ts'
import { type LanePoolOptions, lanePool } from './lane-pool.ts'
import { type ProcessLaneOptions, processLane } from './process-lane.ts'

/** What `processPool` takes. */
export interface ProcessPoolOptions extends LanePoolOptions, ProcessLaneOptions {}

const optionNames: OptionNames<ProcessPoolOptions> = { modules: true, size: true, maxTasksPerChild: true, execArgv: true }

/** Makes a pool of processes. @throws {ConfigError} OPTION_INVALID, MODULE_INVALID */
export function processPool(options: ProcessPoolOptions): Pool {
  checkOptionNames(options, optionNames, 'processPool')
  return lanePool({ name: 'processes', noun: 'process', open: (listener) => processLane(listener, options) }, options)
}
