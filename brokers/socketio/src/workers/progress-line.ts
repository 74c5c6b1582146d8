/** The progress of one run: at most ten frames a second, the latest of what was said meanwhile. */
import type { CancelTimer } from '@lovage/core'
import type { ProgressFrame } from '../wire/held-run.ts'
import { after } from './timers.ts'

const pauseMs = 100

export class ProgressLine {
  readonly #send: (frame: ProgressFrame) => void
  #latest: ProgressFrame | undefined
  #cancel: CancelTimer | undefined

  constructor(send: (frame: ProgressFrame) => void) {
    this.#send = send
  }

  tell(frame: ProgressFrame): void {
    this.#latest = frame
    if (this.#cancel === undefined) this.#next()
  }

  /** What was not sent is not wanted any more. */
  end(): void {
    this.#cancel?.()
    this.#latest = undefined
  }

  #next(): void {
    const frame = this.#latest
    this.#latest = undefined
    this.#cancel = frame === undefined ? undefined : after(pauseMs, () => this.#next())
    if (frame !== undefined) this.#send(frame)
  }
}
