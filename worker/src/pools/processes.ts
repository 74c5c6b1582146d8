/** The process pool: handlers run in processes of their own, which neither hang nor crash the worker, nor outlive it. */
import type { Pool } from '../pool.ts'
import { type LanePoolOptions, lanePool } from './lane-pool.ts'
import { type ProcessLaneOptions, processLane } from './process-lane.ts'

/** What `processPool` takes. */
export interface ProcessPoolOptions extends LanePoolOptions, ProcessLaneOptions {}

/** Makes a pool of processes. @throws {ConfigError} OPTION_INVALID, MODULE_INVALID */
export function processPool(options: ProcessPoolOptions): Pool {
  return lanePool({ name: 'processes', noun: 'process', open: (listener) => processLane(listener, options) }, options)
}
