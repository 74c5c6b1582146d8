/** The switch behind a handler's signal: costs nothing until someone looks at the signal. */

export class Abort {
  #controller: AbortController | undefined
  #reason: Error | undefined

  /** Made on first use; already aborted when `abort` came before. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  get reason(): Error | undefined {
    return this.#reason
  }

  /** Fires the signal. Only the first reason counts. */
  abort(reason: Error): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
