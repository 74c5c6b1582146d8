/** The task handle: what a sender holds of a task it sent. */
import {
  type AbortSignal,
  type Broker,
  checkOptionNames,
  type Duration,
  durationMs,
  type OptionNames,
  TaskError,
  type TaskResult,
} from '@lovage/core'

/** How long to wait for a result. */
export interface WaitOptions {
  /** Default: as long as it takes. */
  readonly timeout?: Duration | undefined
  /** Ends the wait, not the task: `result` rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined
}

const waitNames: OptionNames<WaitOptions> = { timeout: true, signal: true }

/** One task, as its sender sees it. Holds nothing open; any number of handles may stand for one task. */
export interface TaskHandle<Output = unknown> {
  readonly id: string
  /** `existing`: a task with this id or key was there before. Handles made from a bare id say `existing` too. */
  readonly status: 'sent' | 'existing'
  /**
   * Resolves with what the handler returned (undefined when the result has expired).
   * @throws {TaskError} TASK_FAILED when the handler failed, TASK_EXCEPTION when the system ended the task (both carry
   *   `failure`), WAIT_TIMEOUT, TASK_UNKNOWN; and the reason of `signal`
   * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID
   */
  result(options?: WaitOptions): Promise<Output>
  /** Where the task stands now, with its progress; `unknown` when the broker does not know it. */
  state(): Promise<TaskResult>
  /** Asks that it does not run, or aborts it where it runs. False when there was nothing left to cancel. */
  cancel(reason?: string): Promise<boolean>
  /** Types only; never present at run time. */
  readonly '~output'?: Output
}

/** The part of a broker that handles speak to. */
export type HandleBroker = Pick<Broker, 'tasks' | 'results'>

/** Makes handles for one broker. A class, because a sender makes one per task. @internal */
export class SentTask implements TaskHandle {
  readonly id: string
  readonly status: 'sent' | 'existing'
  readonly #broker: HandleBroker

  constructor(broker: HandleBroker, id: string, status: 'sent' | 'existing') {
    this.#broker = broker
    this.id = id
    this.status = status
  }

  async result(options?: WaitOptions): Promise<unknown> {
    if (options !== undefined) checkOptionNames(options, waitNames, 'result')
    const timeoutMs = options?.timeout === undefined ? undefined : durationMs(options.timeout, 'timeout')
    return resultOf(await this.#broker.results.wait(this.id, { timeoutMs, signal: options?.signal }))
  }

  async state(): Promise<TaskResult> {
    const [state] = await this.#broker.results.get([this.id])
    return state ?? { id: this.id, state: 'unknown' }
  }

  async cancel(reason?: string): Promise<boolean> {
    const [cancelled] = await this.#broker.tasks.cancel([this.id], reason)
    return cancelled === true
  }
}

/**
 * Gives the result of a resolved task.
 * @throws {TaskError} TASK_FAILED, TASK_EXCEPTION, TASK_UNKNOWN; WAIT_TIMEOUT when it is not resolved
 */
export function resultOf(task: TaskResult): unknown {
  const { id, state, failure } = task
  const subject = { subject: id, ...(failure === undefined ? {} : { failure }) }
  const name = task.name === undefined ? '' : ` (${task.name})`
  const why = failure === undefined ? '' : `: ${failure.name}: ${failure.message}`
  switch (state) {
    case 'completed':
      return task.result
    case 'failed':
      throw new TaskError(
        'TASK_FAILED',
        `task ${id}${name} failed${task.reason === undefined ? '' : ` (${task.reason})`}${why}`,
        subject,
      )
    case 'exception':
      throw new TaskError('TASK_EXCEPTION', `task ${id}${name} ended as ${task.reason ?? 'exception'}${why}`, subject)
    case 'unknown':
      throw new TaskError('TASK_UNKNOWN', `no task has the id ${JSON.stringify(id)} on this broker`, subject)
    default:
      throw new TaskError('WAIT_TIMEOUT', `task ${id}${name} is still ${state}`, subject)
  }
}
