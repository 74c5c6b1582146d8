/** The options of a worker, and their check. */
import {
  type AbortSignal,
  ConfigError,
  checkName,
  checkOptionNames,
  type Duration,
  durationMs,
  type Json,
  type OptionNames,
  shown,
} from '@lovage/core'
import { type InputSchema, type WorkerInput, workerInput } from '../validation/worker-input.ts'
import { limits } from '../wire/limits.ts'
import type { TaskHandler } from './task-handler.ts'

/** A signal of the process that ends it by default. */
export type ShutdownSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT'

export interface ShutdownOptions {
  /** Signals of the process that stop the workers and then the process; none for `[]`. Default SIGINT and SIGTERM. */
  readonly signals?: readonly ShutdownSignal[] | undefined
  /** How long handlers may go on after the stop, and each middleware may take. Default 30 s. */
  readonly graceMs?: Duration | undefined
}

/** What a worker is. */
export interface ItemOptions<Properties> {
  /** Its name for the server, and the queue that it serves unless `queues` says others. */
  readonly id: string
  /** The server's URL, `http:` or `https:`. */
  readonly host: string
  /** What the server lets it in for. Without TLS everyone on the way can read it. */
  readonly token?: string | undefined
  /** Tasks at a time. Default 1. A server of L0 may not ask. */
  readonly capacity?: number | undefined
  readonly queues?: readonly string[] | undefined
  /** A namespace of the server, such as `/workers`. Default the path of `host`. */
  readonly namespace?: string | undefined
  /** What properties must be, for the handler to get them: checked here, and where it has a JSON Schema by the server before. */
  readonly input?: InputSchema<Properties> | undefined
  /** Closes the worker when it fires. */
  readonly signal?: AbortSignal | undefined
  readonly shutdown?: ShutdownOptions | undefined
  /** The server knows the worker; after each connect. */
  onConnect?(): void
  /** The connection has ended; the worker comes back by itself unless the server sent it away (`io server disconnect`). */
  onDisconnect?(reason: string): void
  /** Something is wrong: the server says so, cannot be reached, refuses the worker, or sent what is no task. */
  onError?(message: string): void
  readonly onTask?: TaskHandler<Properties> | undefined
}

/** Options where it does not matter which properties a handler takes. */
export type AnyItemOptions = Omit<ItemOptions<never>, 'input'> & { readonly input?: InputSchema<unknown> | undefined }

/** Properties when nothing is known of them. */
export type AnyProperties = { readonly [name: string]: Json }

/** Options with their defaults. */
export interface ItemPlan {
  readonly url: string
  readonly capacity: number
  readonly input: WorkerInput | undefined
  readonly signals: readonly ShutdownSignal[]
  readonly graceMs: number
}

const names: OptionNames<AnyItemOptions> = {
  id: true,
  host: true,
  token: true,
  capacity: true,
  queues: true,
  namespace: true,
  input: true,
  signal: true,
  shutdown: true,
  onConnect: true,
  onDisconnect: true,
  onError: true,
  onTask: true,
}
const shutdownNames: OptionNames<ShutdownOptions> = { signals: true, graceMs: true }
const signalNames: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] satisfies readonly ShutdownSignal[]

/** Checks the options. @throws {ConfigError} OPTION_INVALID, NAME_INVALID, DURATION_INVALID */
export function planItem(options: AnyItemOptions): ItemPlan {
  checkOptionNames(options, names, 'a worker')
  const { id, host, token, capacity = 1, queues = [], namespace, shutdown = {} } = options
  checkName(id, 'worker')
  if (!Array.isArray(queues) || queues.length > limits.queues) {
    refuse('queues', `a list of at most ${limits.queues} names`, queues)
  }
  for (const queue of queues) checkName(queue, 'queue')
  if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > limits.capacity) {
    refuse('capacity', `a whole number from 1 to ${limits.capacity}`, capacity)
  }
  // A token is never shown.
  if (token !== undefined && typeof token !== 'string') refuse('token', 'a text', typeof token)
  for (const name of ['onConnect', 'onDisconnect', 'onError', 'onTask'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') refuse(name, 'a function', options[name])
  }
  checkOptionNames(shutdown, shutdownNames, '`shutdown`')
  const { signals = ['SIGINT', 'SIGTERM'], graceMs = 30_000 } = shutdown
  if (!Array.isArray(signals) || signals.some((signal) => !signalNames.includes(signal))) {
    refuse('shutdown.signals', `a list of ${signalNames.join(', ')}`, signals)
  }
  return {
    ...{ url: urlOf(host, namespace), capacity, signals, graceMs: durationMs(graceMs, 'shutdown.graceMs') },
    input: options.input === undefined ? undefined : workerInput(options.input, id),
  }
}

/** socket.io takes the path of a URL for the namespace. */
function urlOf(host: string, namespace: string | undefined): string {
  const url = typeof host === 'string' && /^https?:\/\//.test(host) ? URL.parse(host) : null
  if (url === null) return refuse('host', 'the URL of a server such as "http://localhost:3000"', host)
  if (namespace === undefined) return url.href
  if (typeof namespace !== 'string' || !namespace.startsWith('/')) {
    refuse('namespace', 'a text that begins with / such as "/workers"', namespace)
  }
  url.pathname = namespace
  return url.href
}

function refuse(option: string, expected: string, value: unknown): never {
  throw new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(value)}`)
}
