/** Gathers the replies to one request until everybody expected has answered, the limit is reached, or it is ended. */
import type { ControlReply } from '@lovage/core'

export class ReplyCollector {
  readonly done: Promise<readonly ControlReply[]>
  readonly #replies: ControlReply[] = []
  readonly #missing: Set<string> | undefined
  readonly #limit: number
  #resolve: (replies: readonly ControlReply[]) => void = () => {}
  /** Ends the wait with this reason, unless it has ended. */
  fail: (reason: unknown) => void = () => {}

  /** @param expected the workers that must answer; undefined where nobody knows who is there */
  constructor(expected: readonly string[] | undefined, limit: number) {
    this.#missing = expected === undefined ? undefined : new Set(expected)
    this.#limit = limit
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.fail = reject
    })
  }

  add(reply: ControlReply): void {
    this.#replies.push(reply)
    this.#missing?.delete(reply.worker)
    if (this.#missing?.size === 0 || this.#replies.length >= this.#limit) this.finish()
  }

  finish(): void {
    this.#resolve([...this.#replies])
  }
}
