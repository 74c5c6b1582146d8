/** Times in which a queue of another broker takes nothing: those who try it wait together, ever longer, and each is told once. */
import type { CancelTimer, Clock, Logger } from '@lovage/core'

/** Milliseconds. */
const firstPause = 200
const longestPause = 10_000

export class Outage {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #to: string
  readonly #queue: string
  /** How often something was taken after all. */
  count = 0
  #since: number | undefined
  #pauses = 0
  #pause: Promise<void> | undefined
  #endPause: () => void = () => {}

  /** @param to what the other broker is called */
  constructor(clock: Clock, logger: Logger, to: string, queue: string) {
    this.#clock = clock
    this.#logger = logger
    this.#to = to
    this.#queue = queue
  }

  /** Epoch milliseconds; undefined while it takes what it gets. */
  get since(): number | undefined {
    return this.#since
  }

  /** @param since epoch milliseconds @param error undefined: it says nothing */
  begin(since: number, error?: unknown): void {
    if (this.#since !== undefined) return
    this.#since = since
    const known = error === undefined ? {} : { error }
    this.#logger.warn({ ...known, to: this.#to, queue: this.#queue }, 'tasks wait here until they are taken there')
  }

  /** Resolves when it is time to try again. */
  wait(error: unknown): Promise<void> {
    this.begin(this.#clock.now(), error)
    this.#pause ??= this.#begin()
    return this.#pause
  }

  /** It took something. @param isOver false: others are refused as before */
  taken(isOver: boolean): void {
    if (this.#since === undefined) return
    this.count++
    this.#pauses = 0
    if (!isOver) return
    const seconds = Math.round((this.#clock.now() - this.#since) / 1000)
    this.#logger.info({ to: this.#to, queue: this.#queue, seconds }, 'tasks are taken there again')
    this.#since = undefined
  }

  /** Ends the pause, if there is one. */
  wake(): void {
    this.#endPause()
  }

  #begin(): Promise<void> {
    const now = this.#clock.now()
    const length = Math.min(longestPause, firstPause * 2 ** Math.min(this.#pauses++, 20))
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#pause = undefined
        this.#endPause = () => {}
        resolve()
      }
      const cancel: CancelTimer = this.#clock.at(now + length, end)
      this.#endPause = end
    })
  }
}
