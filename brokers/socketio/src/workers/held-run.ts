/** One run on this worker: its handler, its heartbeat, its end. */
import { type CancelTimer, TaskError } from '@lovage/core'
import { decodeHeartbeatAnswer, decodeProgress } from '../wire/held-run.ts'
import { toJson } from '../wire/json-value.ts'
import { eventNames } from '../wire/names.ts'
import type { TaskFrame } from '../wire/task.ts'
import type { Parcel } from './outbox.ts'
import { ProgressLine } from './progress-line.ts'
import { runHandler } from './run-handler.ts'
import type { Settlement, TaskContext, TaskHandler } from './task-handler.ts'
import { after } from './timers.ts'

/** What a run does to the world around it. */
export interface RunSurroundings {
  /** Says it to the server if there is one now; else it is lost. */
  say(event: string, frame: object, onAnswer?: (answer: unknown) => void): void
  /** The run has ended; a parcel says how, if the server is to know. Called once. */
  ended(run: HeldRun, parcel: Parcel | undefined): void
  onError(message: string): void
}

export class HeldRun {
  readonly task: TaskFrame
  readonly #around: RunSurroundings
  readonly #abort = new AbortController()
  readonly #progress: ProgressLine
  #cancelHeartbeat: CancelTimer = () => {}
  #isCancelled = false
  #isEnded = false

  constructor(task: TaskFrame, around: RunSurroundings) {
    this.task = task
    this.#around = around
    this.#progress = new ProgressLine((frame) => around.say(eventNames.progress, frame))
  }

  /** It ended before its handler began. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** @param properties those of the task, as the worker's schema gives them */
  start(handler: TaskHandler<never>, properties: unknown = this.task.properties): void {
    this.#beat()
    void runHandler(handler, properties, this.#context()).then((settlement) => this.#settle(settlement))
  }

  /** The server does not want it any more, and still waits for its end. */
  cancel(reason: string): void {
    this.#isCancelled = true
    this.#stop(reason)
  }

  /** The run belongs to others: nothing is reported. */
  lose(): void {
    this.#end(undefined)
    this.#stop('the run no longer belongs to this worker; the task may run elsewhere')
  }

  /** Its handler does not begin. */
  decline(): void {
    this.#end(undefined)
  }

  /** The worker stops, and hands the task back to a server that can take it. */
  giveBack(): void {
    const { id, lease } = this.task
    const message = 'the worker is shutting down; the task is given back'
    const frame = { id, lease: lease?.id, success: false as const, results: message, retry: true, pause: false }
    this.#end(lease === undefined ? undefined : { event: eventNames.fail, frame })
    this.#stop(message)
  }

  #stop(reason: string): void {
    this.#abort.abort(new TaskError('RUN_STOPPED', reason, { subject: this.task.id }))
  }

  #context(): TaskContext {
    const { id, attempt = 1 } = this.task
    return {
      id,
      attempt,
      signal: this.#abort.signal,
      progress: (percent, message, data) => this.#tell(percent, message, data),
    }
  }

  #tell(percent: number, message: string | undefined, data: unknown): void {
    const { id, lease } = this.task
    if (lease === undefined || this.#isEnded) return
    const written = toJson(data, 'data')
    const frame = written.ok ? decodeProgress([{ id, lease: lease.id, percent, message, data: written.frame }]) : written
    if (frame.ok) this.#progress.tell(frame.frame)
    else this.#around.onError(`the progress of task ${id} was not sent: ${frame.reason}`)
  }

  /** While the server is away nothing is said; whether the run is still ours is asked when the worker comes back. */
  #beat(): void {
    const { id, lease } = this.task
    if (lease === undefined) return
    this.#cancelHeartbeat = after(lease.heartbeatMs, () => {
      this.#around.say(eventNames.heartbeat, { id, lease: lease.id }, (answer) => {
        const decoded = decodeHeartbeatAnswer(answer)
        if (decoded.ok && !decoded.frame.ok) this.lose()
      })
      this.#beat()
    })
  }

  #settle(settlement: Settlement): void {
    this.#end(this.#parcel(settlement))
  }

  #parcel(settlement: Settlement): Parcel {
    const { id, lease } = this.task
    const ids = lease === undefined ? { id } : { id, lease: lease.id }
    if (settlement.type === 'done') {
      const { success, results } = settlement
      return { event: eventNames.done, frame: { ...ids, success, ...(results === undefined ? {} : { results }) } }
    }
    const frame = { ...ids, success: false as const, results: settlement.message }
    // A run that was cancelled, or gave what cannot be sent, says nothing against the worker.
    const isHarmless = lease !== undefined && (this.#isCancelled || !settlement.isWorkersFault)
    return { event: eventNames.fail, frame: isHarmless ? { ...frame, retry: false, pause: false } : frame }
  }

  #end(parcel: Parcel | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelHeartbeat()
    this.#progress.end()
    this.#around.ended(this, parcel)
  }
}
