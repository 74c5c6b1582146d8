/** The context of one run. Everything that costs something is made when it is first used, and may be destructured. */
import {
  type AnyTask,
  ConfigError,
  type DeliveredMessage,
  durationMs,
  priorityName,
  type SendOptions,
  type TaskContext,
  type TaskLog,
  type TaskResult,
  validate,
} from '@lovage/core'
import type { Abort } from './abort.ts'
import { ControlThrow } from './control-throw.ts'
import { logText } from './log-text.ts'
import type { Job, JobHooks, TransactionHooks } from './pool.ts'

const nothing: Readonly<Record<string, unknown>> = Object.freeze({})
const none: readonly unknown[] = Object.freeze([])

export class RunContext implements TaskContext {
  readonly #job: Job
  readonly #hooks: JobHooks
  readonly #abort: Abort
  readonly #definition: AnyTask | undefined

  /** @param definition what the handler is of */
  constructor(job: Job, hooks: JobHooks, abort: Abort, definition?: AnyTask) {
    this.#definition = definition
    this.#job = job
    this.#hooks = hooks
    this.#abort = abort
  }

  get #message(): DeliveredMessage {
    return this.#job.message
  }

  get id(): string {
    return this.#message.id
  }

  get name(): string {
    return this.#message.name
  }

  get args(): readonly unknown[] {
    return this.#message.args ?? none
  }

  get kwargs(): Readonly<Record<string, unknown>> {
    return this.#message.kwargs ?? nothing
  }

  get headers(): Readonly<Record<string, unknown>> {
    return this.#message.headers ?? nothing
  }

  get runId(): number {
    return this.#message.run
  }

  get retries(): number {
    return this.#message.retries
  }

  get worker(): string {
    return this.#job.worker
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get log(): TaskLog {
    const hooks = this.#hooks
    return {
      debug: (text) => hooks.log('debug', logText(text)),
      info: (text) => hooks.log('info', logText(text)),
      warn: (text) => hooks.log('warn', logText(text)),
      error: (text) => hooks.log('error', logText(text)),
    }
  }

  get progress(): TaskContext['progress'] {
    return (value, detail) => this.#hooks.progress(value, detail)
  }

  get send(): TaskContext['send'] {
    return sendBy(this.#hooks)
  }

  get within(): TaskContext['within'] {
    return (transaction) => {
      const hooks = this.#hooks.within?.(transaction)
      if (hooks === undefined) {
        const message = 'expected the pool `inline` for `within`: a transaction does not travel to threads or processes'
        throw new ConfigError('UNSUPPORTED', message)
      }
      return { send: sendBy(hooks), complete: (result) => this.#complete(hooks, result) }
    }
  }

  get dependencies(): () => Promise<readonly TaskResult[]> {
    return () => this.#hooks.dependencies()
  }

  get retry(): TaskContext['retry'] {
    return (options) => {
      const delayMs = options?.delay === undefined ? undefined : durationMs(options.delay, 'delay')
      throw new ControlThrow({ type: 'retry', delayMs, cause: options?.cause })
    }
  }

  get cancel(): TaskContext['cancel'] {
    return (message) => {
      throw new ControlThrow({ type: 'cancel', message })
    }
  }

  /** Keeps what an ordinary return would keep, and answers what an ordinary return may return. */
  async #complete<Result>(hooks: TransactionHooks, result: Result): Promise<Result> {
    const { output, name = this.name } = this.#definition ?? {}
    const kept = output === undefined ? result : await validate(output, result, { code: 'OUTPUT_INVALID', task: name })
    await hooks.complete(kept)
    return result
  }
}

/** Sends with the definition's policy where there is a definition. */
function sendBy(hooks: Pick<JobHooks, 'send'>): TaskContext['send'] {
  return async (definition, input, options) => {
    if (typeof definition === 'string') return hooks.send(definition, input, options)
    const known = definition as unknown as AnyTask
    await checkInput(known, input, options)
    return hooks.send(known.name, input, policyOptions(known, input, options))
  }
}

/**
 * Validates what is sent where there is something to validate: an input that others will build, or that comes as
 * arguments, is validated where it runs.
 * @throws {TaskError} INPUT_INVALID
 */
export async function checkInput(definition: AnyTask, input: unknown, options: SendOptions | undefined): Promise<void> {
  if (definition.input === undefined) return
  if (input === undefined && (options?.bind ?? options?.args ?? options?.kwargs) !== undefined) return
  await validate(definition.input, input, { code: 'INPUT_INVALID', task: definition.name })
}

/** The definition's policy as send options, for a worker that may not know the definition; the sender's own stand above. */
function policyOptions(definition: AnyTask, input: unknown, options: SendOptions = {}): SendOptions {
  const { queue, priority, retry, lostLimit, key } = definition
  return {
    ...options,
    queue: options.queue ?? queue,
    priority: options.priority ?? priorityName(priority),
    retryLimit: options.retryLimit ?? retry.limit,
    lostLimit: options.lostLimit ?? lostLimit,
    key: options.key ?? (input === undefined ? undefined : key?.(input as never)),
  }
}
