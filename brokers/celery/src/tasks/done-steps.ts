/** What of a settlement is done already: where a later step fails for the moment, all is tried again, and these are passed over. */

export class DoneSteps {
  /** Most settlements have none. */
  #answers: Map<string, unknown> | undefined

  /** Does it, unless it has been done under this name; then that answer is given again. What fails is not done. */
  async once<Answer>(step: string, work: () => Answer | Promise<Answer>): Promise<Answer> {
    this.#answers ??= new Map()
    if (!this.#answers.has(step)) this.#answers.set(step, await work())
    return this.#answers.get(step) as Answer
  }
}
