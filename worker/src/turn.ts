/** Lets the event loop breathe: handlers that never wait would otherwise keep timers, sockets and commands from their turn. */

/** How long runs may begin in one turn of the loop, in milliseconds. */
const turnMs = 20

export class Turn {
  #beganAt: number | undefined
  #spent = false
  readonly #onNext: () => void

  /** `onNext` is called when a spent turn is over. */
  constructor(onNext: () => void) {
    this.#onNext = onNext
  }

  /** Whether to wait for the next turn. */
  isSpent(now: number): boolean {
    if (this.#spent) return true
    if (this.#beganAt === undefined) {
      this.#beganAt = now
      setImmediate(() => this.#renew())
    } else if (now - this.#beganAt > turnMs) {
      this.#spent = true
    }
    return this.#spent
  }

  #renew(): void {
    this.#beganAt = undefined
    if (!this.#spent) return
    this.#spent = false
    this.#onNext()
  }
}
