/** Calls that may have to wait for somebody else for long: so few at once that connections are left for the others. */

/** Lets so many calls go at once; they begin in order. */
export class FewAtOnce {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  readonly #calls = new Set<Promise<unknown>>()
  #going = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  run<Result>(call: () => Promise<Result>): Promise<Result> {
    const answer = this.#run(call)
    this.#calls.add(answer)
    const done = (): void => void this.#calls.delete(answer)
    answer.then(done, done)
    return answer
  }

  /** Resolves when all that were handed in so far have ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#calls)
  }

  async #run<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#going >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#going++
    try {
      return await call()
    } finally {
      // Its place goes to the next, if there is one.
      const next = this.#waiting.shift()
      if (next === undefined) this.#going--
      else next()
    }
  }
}
