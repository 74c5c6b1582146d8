/** Calls that would only stand in each other's way: one after the other. */

/** Lets the calls of one name wait for each other. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Begins when the call before it under this name has ended, however that went. */
  take<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name)
    const turn = before === undefined ? call() : before.then(call, call)
    this.#last.set(name, turn)
    const end = (): void => {
      if (this.#last.get(name) === turn) this.#last.delete(name)
    }
    turn.then(end, end)
    return turn
  }
}
