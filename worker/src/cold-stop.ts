/** The switch for a cold stop, and the waits that it cuts short. */
import { type Clock, ConfigError } from '@lovage/core'
import { deferred } from './pools/deferred.ts'

export class ColdStop {
  isPulled = false
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #pulled = deferred()

  /** `graceMs`: how long handlers may go on. What it takes to close may take twice that. */
  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock
    this.#graceMs = graceMs
  }

  /** Resolves when it is pulled. */
  get pulled(): Promise<void> {
    return this.#pulled.promise
  }

  pull(): void {
    this.isPulled = true
    this.#pulled.resolve()
  }

  /**
   * Waits for a step of the start until the switch is pulled; a step that succeeds after that is undone.
   * @throws {ConfigError} UNSUPPORTED when it is pulled first
   */
  async step<Value>(what: string, run: () => Value | Promise<Value>, undo: (value: Value) => unknown): Promise<Value> {
    const step = Promise.resolve(run())
    const done = await Promise.race([step.then((value) => ({ value })), this.pulled.then(() => undefined)])
    if (done !== undefined) return done.value
    // The worker has ended by then: nobody is left to be told how it goes on.
    step.then(undo).catch(() => {})
    throw new ConfigError('UNSUPPORTED', `expected ${what} to start before the worker was stopped cold`)
  }

  /** Waits for the end of some work; when the switch is pulled, for twice the grace and no longer. */
  async limit(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, this.pulled])
    if (!this.isPulled) return
    const enough = deferred()
    const cancel = this.#clock.at(this.#clock.now() + 2 * this.#graceMs, enough.resolve)
    await Promise.race([work, enough.promise])
    cancel()
  }
}
