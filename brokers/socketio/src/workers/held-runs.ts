/** The runs on a worker: which task is taken and which is declined. */
import { failureFrom } from '@lovage/core'
import type { WorkerInput } from '../validation/worker-input.ts'
import { decodeCancel } from '../wire/held-run.ts'
import { eventNames } from '../wire/names.ts'
import type { HeldTask } from '../wire/registration.ts'
import { decodeTask, type TaskAnswer, type TaskFrame } from '../wire/task.ts'
import { HeldRun, type RunSurroundings } from './held-run.ts'
import type { Outbox } from './outbox.ts'
import type { TaskHandler } from './task-handler.ts'

/** What the runs need of their worker. */
export interface RunsSetting {
  readonly handler: TaskHandler<never> | undefined
  readonly input: WorkerInput | undefined
  readonly capacity: number
  readonly outbox: Outbox
  readonly say: RunSurroundings['say']
  onError(message: string): void
  isDraining(): boolean
}

export class HeldRuns {
  readonly #setting: RunsSetting
  readonly #runs = new Map<string, HeldRun>()
  #whenIdle: (() => void)[] = []

  constructor(setting: RunsSetting) {
    this.#setting = setting
  }

  get size(): number {
    return this.#runs.size
  }

  /** `worker.task`: runs it, and answers a server that asks. */
  take(data: unknown, answer: ((answer: TaskAnswer) => void) | undefined): void {
    const decoded = decodeTask([data])
    if (!decoded.ok) {
      this.#setting.onError(`a task was refused: ${decoded.reason}; it came as ${asText(data)}`)
      answer?.({ accepted: false, code: 'invalid', message: decoded.reason })
      return
    }
    const task = decoded.frame
    const running = this.#runs.get(task.id)
    // The same task again is the same run, unless the server took it back meanwhile.
    if (running !== undefined && running.task.lease?.id === task.lease?.id) {
      answer?.({ accepted: true })
      return
    }
    running?.lose()
    this.#begin(task, answer)
  }

  /** `worker.cancel`. */
  cancel(data: unknown): void {
    const decoded = decodeCancel([data])
    if (decoded.ok) this.#runs.get(decoded.frame.id)?.cancel(decoded.frame.reason ?? 'the task was cancelled')
    else this.#setting.onError(`a cancellation was refused: ${decoded.reason}`)
  }

  /** The server gave these to others. */
  lose(ids: readonly string[]): void {
    for (const id of ids) this.#runs.get(id)?.lose()
  }

  loseAll(): void {
    this.lose([...this.#runs.keys()])
  }

  /** Those that still run are handed back. */
  giveBack(): void {
    for (const run of [...this.#runs.values()]) run.giveBack()
  }

  held(): readonly HeldTask[] {
    return [...this.#runs.values()].flatMap(({ task }) =>
      task.lease === undefined ? [] : [{ id: task.id, lease: task.lease.id }],
    )
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    if (this.#runs.size === 0) return Promise.resolve()
    return new Promise((done) => this.#whenIdle.push(done))
  }

  #begin(task: TaskFrame, answer: ((answer: TaskAnswer) => void) | undefined): void {
    const { handler, capacity, onError, outbox, say } = this.#setting
    if (this.#setting.isDraining()) {
      if (answer === undefined) onError(`task ${task.id} came while the worker drains; it is left to the server`)
      answer?.({ accepted: false, code: 'draining' })
    } else if (handler === undefined) {
      const results = `Task handler not defined: set \`onTask\` of this worker to run task ${task.id}`
      if (answer === undefined) outbox.add({ event: eventNames.fail, frame: { id: task.id, success: false, results } })
      answer?.({ accepted: false, code: 'unsupported', message: results })
    } else if (answer !== undefined && this.#runs.size >= capacity) {
      answer({ accepted: false, code: 'busy' })
    } else {
      const run = new HeldRun(task, { say, onError, ended: (ended, parcel) => this.#ended(ended, parcel) })
      this.#runs.set(task.id, run)
      void this.#start(run, handler, answer)
    }
  }

  /** What is checked has its place meanwhile. */
  async #start(run: HeldRun, handler: TaskHandler<never>, answer: ((answer: TaskAnswer) => void) | undefined): Promise<void> {
    const { input, onError } = this.#setting
    const { id, properties } = run.task
    try {
      const checked = input === undefined ? properties : await input.check(properties)
      if (run.isEnded) return
      answer?.({ accepted: true })
      run.start(handler, checked)
    } catch (thrown) {
      const { message } = failureFrom(thrown)
      onError(`task ${id} was refused: ${message}`)
      answer?.({ accepted: false, code: 'invalid', message })
      run.decline()
    }
  }

  #ended(...[run, parcel]: Parameters<RunSurroundings['ended']>): void {
    this.#runs.delete(run.task.id)
    if (parcel !== undefined) this.#setting.outbox.add(parcel)
    if (this.#runs.size === 0) for (const tell of this.#whenIdle.splice(0)) tell()
  }
}

/** What came, for the user's eyes. */
function asText(data: unknown): string {
  try {
    return String(JSON.stringify(data)).slice(0, 1000)
  } catch {
    return 'a value that cannot be written as JSON'
  }
}
