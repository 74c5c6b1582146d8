/** One task on its way to another broker. */
import { type DeliveredMessage, TaskError } from '@lovage/core'
import type { JobEnd, Running } from '../pool.ts'

export class Handing implements Running {
  readonly message: DeliveredMessage
  /** Epoch milliseconds. */
  readonly since: number
  readonly end: Promise<JobEnd>
  /** It was not taken, and holds its place until it tries again. */
  isWaiting = false
  readonly #ended: (handing: Handing) => void
  readonly #withdrawing = new AbortController()
  #resolve: (end: JobEnd) => void = () => {}
  #isOver = false
  #isSending = false

  constructor(message: DeliveredMessage, since: number, ended: (handing: Handing) => void) {
    this.message = message
    this.since = since
    this.#ended = ended
    this.end = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** What has been written already cannot be withdrawn. */
  get isWithdrawn(): boolean {
    return this.#withdrawing.signal.aborted
  }

  /** @param send rejects with the reason of the signal when nothing was sent because of it */
  async sending<Answer>(send: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    this.#isSending = true
    try {
      return await send(this.#withdrawing.signal)
    } finally {
      this.#isSending = false
    }
  }

  finish(end: JobEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#resolve(end)
    this.#ended(this)
  }

  /** It is for others as soon as it is certain that it is not sent. */
  recede(): void {
    this.withdraw()
    if (!this.#isSending) this.finish({ type: 'kept' })
  }

  /** It is not to be sent any more. */
  withdraw(): void {
    if (!this.isWithdrawn) this.#withdrawing.abort(withdrawn(this.message.id))
  }

  abort(): void {
    this.withdraw()
    this.finish({ type: 'kept' })
  }

  kill(): boolean {
    this.abort()
    return true
  }
}

function withdrawn(id: string): TaskError {
  return new TaskError('RUN_STOPPED', `expected ${id} to be sent on, got: it was withdrawn before that`, { subject: id })
}
