/** Settlements on their way: kept until the server has said that it took them, and told again after every reconnect. */
import type { eventNames } from '../wire/names.ts'
import type { HeldTask } from '../wire/registration.ts'
import type { DoneFrame, FailFrame } from '../wire/settlement.ts'

/** One settlement with its event. */
export interface Parcel {
  readonly event: typeof eventNames.done | typeof eventNames.fail
  readonly frame: DoneFrame | FailFrame
}

/** Sends a parcel; the callback, if there is one, is called with the acknowledgement, and never after the connection has ended. */
export type Post = (parcel: Parcel, onAnswer?: (answer: unknown) => void) => void

export class Outbox {
  readonly #waiting = new Set<Parcel>()
  readonly #onAnswer: (parcel: Parcel, answer: unknown) => void
  #post: Post | undefined
  #whenEmpty: (() => void)[] = []

  /** @param onAnswer what the server acknowledged a parcel with */
  constructor(onAnswer: (parcel: Parcel, answer: unknown) => void) {
    this.#onAnswer = onAnswer
  }

  /** Sends now, or as soon as there is a server. */
  add(parcel: Parcel): void {
    this.#waiting.add(parcel)
    this.#send(parcel)
  }

  /** There is a server: all that is kept goes to it. Calling it again for the same one does nothing. */
  open(post: Post): void {
    if (this.#post !== undefined) return
    this.#post = post
    for (const parcel of [...this.#waiting]) this.#send(parcel)
  }

  /** The server is away. */
  shut(): void {
    this.#post = undefined
  }

  /** Forgets what the server does not want. */
  drop(ids: readonly string[]): void {
    for (const parcel of [...this.#waiting]) if (ids.includes(parcel.frame.id)) this.#done(parcel)
  }

  dropAll(): void {
    this.drop([...this.#waiting].map(({ frame }) => frame.id))
  }

  /** Tasks whose settlement the server may not know. */
  held(): readonly HeldTask[] {
    return [...this.#waiting].flatMap(({ frame: { id, lease } }) => (lease === undefined ? [] : [{ id, lease }]))
  }

  /** Resolves when nothing is kept. */
  empty(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve()
    return new Promise((done) => this.#whenEmpty.push(done))
  }

  /** Without a lease the task came from a server that acknowledges nothing: sent is done. */
  #send(parcel: Parcel): void {
    if (this.#post === undefined) return
    if (parcel.frame.lease === undefined) {
      this.#post(parcel)
      this.#done(parcel)
      return
    }
    this.#post(parcel, (answer) => {
      if (this.#done(parcel)) this.#onAnswer(parcel, answer)
    })
  }

  #done(parcel: Parcel): boolean {
    const wasWaiting = this.#waiting.delete(parcel)
    if (this.#waiting.size === 0) for (const tell of this.#whenEmpty.splice(0)) tell()
    return wasWaiting
  }
}
