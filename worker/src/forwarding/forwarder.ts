/** The forwarder: a worker of a durable queue that runs nothing, and sends every task of its queues on to another broker. */
import { type Broker, ConfigError, checkName, checkOptionNames, type OptionNames } from '@lovage/core'
import type { Module } from '../module.ts'
import { stderrLogger } from '../stderr-logger.ts'
import { systemClock } from '../system-clock.ts'
import { Worker } from '../worker.ts'
import type { WorkerOptions } from '../worker-options.ts'
import { ForwardPool } from './forward-pool.ts'

/** Those of a worker that mean something where no handlers run. */
type CarriedOver = Pick<
  WorkerOptions,
  'name' | 'queues' | 'concurrency' | 'prefetch' | 'modules' | 'events' | 'logger' | 'clock' | 'random'
>

export interface ForwarderOptions extends CarriedOver {
  /** Where tasks come from: a broker that keeps them. It stays open when the forwarder stops, and so does `to`. */
  readonly from: Broker
  /** Where they go: any other broker. */
  readonly to: Broker
  /** The queue there, for all tasks. Default: each task's own. */
  readonly toQueue?: string | undefined
  /** What `to` is called in results and in the log, for example a URL without its password. Default: the kind of its world. */
  readonly place?: string | undefined
}

const optionNames: OptionNames<ForwarderOptions> = {
  from: true,
  to: true,
  toQueue: true,
  place: true,
  name: true,
  queues: true,
  concurrency: true,
  prefetch: true,
  modules: true,
  events: true,
  logger: true,
  clock: true,
  random: true,
}

/** Sends under way at once: they go out in batches. */
const usualConcurrency = 200

/**
 * Makes a worker that sends every task of its queues (by default: `default`) on to another broker, under the same id, and completes it
 * with `{ forwarded: place }` when that broker has confirmed it. What it refuses has failed with its reason; while it cannot be
 * reached, tasks wait. A crash between sending and completing sends again, under the same id.
 * @throws {ConfigError} OPTION_INVALID, NAME_INVALID; from `start` UNSUPPORTED where `from` keeps no tasks, OPTION_INVALID where `to` is
 * the same queue
 */
export function createForwarder(options: ForwarderOptions): Worker {
  checkOptionNames(options, optionNames, 'a forwarder')
  const { from, to, toQueue, place = to.name, queues = ['default'], concurrency = usualConcurrency } = options
  const { name = 'forward', prefetch, modules = [], events, logger = stderrLogger, clock = systemClock, random } = options
  if (toQueue !== undefined) checkName(toQueue, 'queue')
  const pool = new ForwardPool({ to, toQueue, place, clock, logger })
  const forwarding: Module = {
    name: 'forwarding',
    async start(worker) {
      await checkPlaces(from, to, place)
      worker.on('end', () => pool.end())
    },
    stop() {},
  }
  const parts = { broker: from, tasks: [], pool, modules: [forwarding, ...modules] }
  return new Worker({ ...parts, name, queues, concurrency, prefetch, events, logger, clock, random })
}

/** The secrets of a store are its own, whatever the URLs that lead to it. */
async function checkPlaces(from: Broker, to: Broker, place: string): Promise<void> {
  if (from.admin === undefined) {
    throw new ConfigError('UNSUPPORTED', `expected to forward from a broker that keeps its tasks, got: ${from.name}`)
  }
  if (to.admin === undefined || (await from.admin.secret('forwarding')) !== (await to.admin.secret('forwarding'))) return
  throw new ConfigError(
    'OPTION_INVALID',
    `expected to forward to another broker, got the one that the tasks come from: ${place}; there their ids are taken`,
  )
}
