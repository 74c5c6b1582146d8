/** What an operator sees and changes: the broker's Admin port, or one clear refusal where the broker has none. */
import {
  type Admin,
  type Broker,
  ConfigError,
  type ControlReply,
  checkOptionNames,
  inspectMethods,
  type OptionNames,
  type RequestOptions,
  type TaskQuery,
  type WorkerEvent,
} from '@lovage/core'
import { type ClientSchedules, clientSchedules } from './schedule-options.ts'

/** Looking at tasks, queues and workers, and changing them. Each is refused as UNSUPPORTED by a broker that cannot. */
export interface Administration extends Omit<Admin, 'schedules' | 'pools' | 'secret'> {
  readonly schedules: ClientSchedules
  /** Asks that these tasks do not run; one that runs is aborted wherever it runs. Answers per id whether it had an effect. */
  cancel(ids: readonly string[], reason?: string): Promise<readonly boolean[]>
}

/** Remote control of workers, and what they tell. */
export interface Steering {
  /**
   * Asks workers; by default all that are alive, for one second.
   * @throws {ConfigError} OPTION_INVALID for a method that does not inspect
   */
  inspect(method: string, args?: Readonly<Record<string, unknown>>, options?: RequestOptions): Promise<readonly ControlReply[]>
  /** Sends a command that changes workers: one of `controlMethods`, or a method that users added to theirs. */
  controlWorkers(
    method: string,
    args?: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<readonly ControlReply[]>
  /** Asks who is there. */
  ping(options?: RequestOptions): Promise<readonly ControlReply[]>
  /** Gives events whose type matches one of the globs (`task-*`) to the handler, until the answer is called. */
  capture(patterns: string | readonly string[], handler: (event: WorkerEvent) => void): Promise<() => Promise<void>>
}

/** A filter that is misspelt would find every task, and what is found may be cancelled. */
const queryNames: OptionNames<TaskQuery> = {
  ids: true,
  states: true,
  queue: true,
  name: true,
  holder: true,
  key: true,
  dependency: true,
  limit: true,
  cursor: true,
  order: true,
}
/** And a command without its destination would go to all. */
const requestNames: OptionNames<RequestOptions> = {
  destination: true,
  pattern: true,
  timeoutMs: true,
  limit: true,
  signal: true,
}

/** @internal */
export function administration(broker: Broker): Administration {
  const admin = (): Admin => {
    if (broker.admin !== undefined) return broker.admin
    throw new ConfigError(
      'UNSUPPORTED',
      `expected a broker that keeps its tasks, got: ${broker.name}, which cannot list or change them`,
    )
  }
  return {
    schedules: clientSchedules(() => admin().schedules),
    cancel: (ids, reason) => broker.tasks.cancel(ids, reason),
    async find(query) {
      checkOptionNames(query, queryNames, 'find')
      return admin().find(query)
    },
    get: async (ids) => admin().get(ids),
    logs: async (id) => admin().logs(id),
    explain: async (id) => admin().explain(id),
    retry: async (ids) => admin().retry(ids),
    queues: async (states) => admin().queues(states),
    pauseQueue: async (queue) => admin().pauseQueue(queue),
    resumeQueue: async (queue) => admin().resumeQueue(queue),
    workers: async () => admin().workers(),
  }
}

/** @internal */
export function steering(broker: Pick<Broker, 'control' | 'events'>): Steering {
  const request: Steering['controlWorkers'] = async (method, args = {}, options) => {
    if (options !== undefined) checkOptionNames(options, requestNames, 'a request to workers')
    return broker.control.request(method, args, options)
  }
  return {
    async inspect(method, args, options) {
      if ((inspectMethods as readonly string[]).includes(method)) return request(method, args, options)
      throw new ConfigError('OPTION_INVALID', `expected the method to be one of ${inspectMethods.join(', ')}, got: ${method}`)
    },
    controlWorkers: request,
    ping: (options) => request('ping', {}, options),
    capture: (patterns, handler) => broker.events.capture(typeof patterns === 'string' ? [patterns] : patterns, handler),
  }
}
