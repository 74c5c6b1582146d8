/** Task definitions: name, schema, policy and handler, written once; and the context a handler gets. */
import type { AbortSignal, TaskLog } from './context.ts'
import { type Duration, durationMs } from './duration.ts'
import { ConfigError } from './errors.ts'
import { checkName } from './names.ts'
import { checkOptionNames, type OptionNames } from './option-names.ts'
import { rateLimit } from './rate.ts'
import { type RetryOptions, type RetryPolicy, retryPolicy } from './retry.ts'
import type { Schema } from './schema.ts'
import type { SendOptions } from './send-options.ts'
import { shown } from './shown.ts'
import { type PriorityName, priorityNames, priorityNumber } from './task.ts'
import type { TaskResult } from './task-result.ts'
import type { Wire } from './wire.ts'

/** What `defineTask` takes. `Sent` is what a sender gives, `Input` what the handler gets after validation. */
export interface TaskOptions<Sent, Input, Output> {
  /** 1 to 200 characters without spaces; dots group, as in `images.resize`. */
  readonly name: string
  /** Any Standard Schema; validates where the task is sent and again where it runs. */
  readonly input?: Schema<Sent, Input> | undefined
  /** Any Standard Schema; validates what the handler returns. */
  readonly output?: Schema<unknown, Output> | undefined
  readonly retry?: RetryOptions | undefined
  /** Hard time limit of one run: the signal fires and the run counts as failed. Default none. */
  readonly timeout?: Duration | undefined
  /** Soft limit, shorter than `timeout`: the signal fires with reason `soft-timeout`, the handler may still finish. Default none. */
  readonly softTimeout?: Duration | undefined
  /** Workers that may be lost while running it before it ends as `worker-lost`. Default 5. */
  readonly lostLimit?: number | undefined
  /** Default `medium`. */
  readonly priority?: PriorityName | undefined
  /** Default `default`. */
  readonly queue?: string | undefined
  /** At most one unresolved task with the same key: gives the key for an input as it was sent. */
  readonly key?: ((input: Sent) => string | undefined) | undefined
  /** Runs per second (`10`), or per `s`, `m`, `h` as in `'100/m'`, on each worker. Default no limit, as is 0. */
  readonly rateLimit?: number | string | undefined
  /** Names for positional arguments, each once, so that callers of other languages fill the one input object. */
  readonly params?: readonly string[] | undefined
  run(input: Input, context: TaskContext): Output | Promise<Output>
}

/** A task definition. Made by `defineTask`; `Sent` is what callers give, `Output` what they get: after JSON, see `Wire`. */
export interface TaskDefinition<Sent = unknown, Output = unknown> {
  readonly kind: 'lovage.task'
  readonly name: string
  readonly input: Schema<unknown, unknown> | undefined
  readonly output: Schema<unknown, unknown> | undefined
  readonly retry: RetryPolicy
  readonly timeoutMs: number | undefined
  readonly softTimeoutMs: number | undefined
  readonly lostLimit: number
  /** 7 to 1. */
  readonly priority: number
  readonly queue: string
  readonly key: ((input: never) => string | undefined) | undefined
  readonly rateLimit: number | string | undefined
  readonly params: readonly string[] | undefined
  readonly run: (input: never, context: TaskContext) => unknown
  /** Types only; never present at run time. */
  readonly '~types'?: { readonly sent: (input: Sent) => void; readonly output: Output }
}

/** A transaction of a handler's in which its run takes part. */
export interface RunTransaction {
  /**
   * Sends another task with the commit; its `parent` is this one. Resolves with its id when it is written.
   * @throws {ConfigError} TRANSACTION_UNUSABLE
   */
  send: TaskContext['send']
  /**
   * Completes the run with the commit: with what else was written, or not at all. Call it last, for the task is locked from here to
   * the end of the transaction; return its answer from the handler. Whatever the handler does after the commit, it is completed.
   * @throws {TaskError} RUN_STOPPED when the run is no longer this worker's: the transaction cannot be committed any more
   * @throws {TaskError} OUTPUT_INVALID, INPUT_UNSERIALIZABLE, PAYLOAD_TOO_LARGE
   * @throws {ConfigError} TRANSACTION_UNUSABLE
   */
  complete<Result>(result: Result): Promise<Result>
}

/** What a handler gets beside its input. */
export interface TaskContext {
  /** The task's id. */
  readonly id: string
  /** The definition's name. */
  readonly name: string
  /** Positional arguments, from callers of other languages. */
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  /** The number of this run, from 0. */
  readonly runId: number
  /** Retries used before this run. */
  readonly retries: number
  /** The worker's name, `name@host`. */
  readonly worker: string
  /** Fires when the task is cancelled, its time limit or deadline passes, its lease is lost, or the worker is shut down cold. */
  readonly signal: AbortSignal
  readonly log: TaskLog
  /** Reports progress: any JSON value (a number from 0 to 1 is shown as a percentage), with an optional detail. */
  progress(value: unknown, detail?: unknown): void
  /** Sends another task; its `parent` is this one. Resolves with its id when it is safe. */
  send<Input>(definition: TaskDefinition<Input, unknown> | string, input?: NoInfer<Input>, options?: SendOptions): Promise<string>
  /**
   * Takes part in a transaction of the handler's on the database of the queue: more tasks, and the completion of this run, count
   * with its commit. Where handlers run on the worker's own event loop (pool `inline`), and the broker can.
   * @param transaction a client of `pg` on which one was begun
   * @throws {ConfigError} UNSUPPORTED
   */
  within(transaction: object): RunTransaction
  /** The results of the tasks this one depended on, in order. */
  dependencies(): Promise<readonly TaskResult[]>
  /** Ends this run and asks for another, after `delay` (default: by the retry policy). Counts as a retry. Never returns. */
  retry(options?: { readonly delay?: Duration; readonly cause?: unknown }): never
  /** Ends the task as cancelled. Never returns. */
  cancel(reason?: string): never
}

const optionNames: OptionNames<TaskOptions<unknown, unknown, unknown>> = {
  name: true,
  input: true,
  output: true,
  retry: true,
  timeout: true,
  softTimeout: true,
  lostLimit: true,
  priority: true,
  queue: true,
  key: true,
  rateLimit: true,
  params: true,
  run: true,
}

/** Any definition, whatever its types. */
export type AnyTask = TaskDefinition<never, unknown>

/**
 * Defines a task. Without a schema the type of the handler's parameter is what senders must give. What they get is what
 * arrives of the handler's result after JSON (`Wire`): a Date is a text, undefined is null.
 * @throws {ConfigError} NAME_INVALID, OPTION_INVALID, DURATION_INVALID, DEFINITION_INVALID
 */
export function defineTask<Input = unknown, Output = unknown, Sent = Input>(
  options: TaskOptions<Sent, Input, Output>,
): TaskDefinition<Sent, Wire<Output>> {
  if (typeof options !== 'object' || options === null) throw incomplete('a task definition', 'an object', options)
  const name = checkName(options.name, 'task')
  if (isLiteral(options)) checkOptionNames(options, optionNames, `task ${name}`)
  if (typeof options.run !== 'function') throw incomplete(`\`run\` of task ${name}`, 'a function', options.run)
  if (options.key !== undefined && typeof options.key !== 'function') {
    throw incomplete(`\`key\` of task ${name}`, 'a function of the input', options.key)
  }
  const { lostLimit = 5, priority = 'medium' } = options
  if (!Number.isSafeInteger(lostLimit) || lostLimit < 0) throw unexpected('lostLimit', 'a whole number from 0', lostLimit)
  const urgency = priorityNumber(priority)
  if (urgency === undefined) throw unexpected('priority', `one of ${priorityNames.join(', ')}`, priority)
  rateLimit(options.rateLimit)
  return {
    kind: 'lovage.task',
    name,
    input: schemaOf(name, 'input', options.input),
    output: schemaOf(name, 'output', options.output),
    retry: retryPolicy(options.retry),
    ...timeLimits(name, options),
    lostLimit,
    priority: urgency,
    queue: options.queue === undefined ? 'default' : checkName(options.queue, 'queue'),
    key: options.key as TaskDefinition['key'],
    rateLimit: options.rateLimit,
    params: paramsOf(options.params),
    run: options.run.bind(options) as TaskDefinition['run'],
  }
}

/** Not an instance of a class, which has reasons of its own for its fields. */
function isLiteral(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function schemaOf(task: string, side: string, schema: unknown): Schema<unknown, unknown> | undefined {
  if (schema === undefined) return undefined
  // Some libraries make schemas that are functions.
  const standard = (schema as { '~standard'?: { validate?: unknown } } | null)?.['~standard']
  if (typeof standard?.validate === 'function') return schema as Schema<unknown, unknown>
  throw incomplete(`\`${side}\` of task ${task}`, 'a Standard Schema (zod, valibot, arktype, ...)', schema)
}

function timeLimits(
  task: string,
  { timeout, softTimeout }: { readonly timeout?: Duration | undefined; readonly softTimeout?: Duration | undefined },
): Pick<TaskDefinition, 'timeoutMs' | 'softTimeoutMs'> {
  const timeoutMs = timeLimit('timeout', timeout)
  const softTimeoutMs = timeLimit('softTimeout', softTimeout)
  if (timeoutMs !== undefined && softTimeoutMs !== undefined && softTimeoutMs >= timeoutMs) {
    throw incomplete(`\`softTimeout\` of task ${task}`, `shorter than its \`timeout\` (${timeoutMs} ms)`, softTimeout)
  }
  return { timeoutMs, softTimeoutMs }
}

function timeLimit(option: string, value: Duration | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = durationMs(value, option)
  if (ms === 0) throw unexpected(option, 'longer than 0; leave it out for no limit', value)
  return ms
}

function paramsOf(params: readonly string[] | undefined): readonly string[] | undefined {
  if (params === undefined) return undefined
  const names = Array.isArray(params) && params.every((name) => typeof name === 'string' && name !== '')
  if (!names || new Set(params).size !== params.length) throw unexpected('params', 'a list of different names', params)
  return [...params]
}

function unexpected(option: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(value)}`)
}

function incomplete(thing: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('DEFINITION_INVALID', `expected ${thing} to be ${expected}, got: ${shown(value)}`)
}

/** Tells a task definition from anything else, by its mark, so that two copies of a package agree. */
export function isTaskDefinition(value: unknown): value is AnyTask {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'lovage.task'
}
