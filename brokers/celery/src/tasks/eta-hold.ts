/** Keeps what the broker does itself until its time comes. */
import type { CancelTimer, Clock } from '@lovage/core'

export class EtaHold {
  readonly #clock: Clock
  readonly #onChange: () => void
  readonly #timers = new Set<CancelTimer>()

  /** @param onChange `size` is another one */
  constructor(clock: Clock, onChange: () => void = () => {}) {
    this.#clock = clock
    this.#onChange = onChange
  }

  get size(): number {
    return this.#timers.size
  }

  /** Calls back at the time; at once where it is past. */
  until(time: number | undefined, callback: () => void): void {
    if (time === undefined || time <= this.#clock.now()) {
      callback()
      return
    }
    const cancel = this.#clock.at(time, () => {
      this.#timers.delete(cancel)
      this.#onChange()
      callback()
    })
    this.#timers.add(cancel)
    this.#onChange()
  }

  /** Nobody is called back any more. */
  clear(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }
}
