/** Settlements on their way: kept until the server has said that it took them, and told again after every reconnect. */
import { batches } from '../wire/batch.ts'
import type { eventNames } from '../wire/names.ts'
import type { HeldTask } from '../wire/registration.ts'
import type { DoneFrame, FailFrame } from '../wire/settlement.ts'

/** One settlement with its event. */
export interface Parcel {
  readonly event: typeof eventNames.done | typeof eventNames.fail
  readonly frame: DoneFrame | FailFrame
}

/** What an outbox needs to know of what it keeps. */
export interface Kept {
  readonly frame: { readonly id: string; readonly lease?: string | undefined }
}

/**
 * Sends parcels that fit into one message; the callback, if there is one, is called with the acknowledgement of each, and never after the
 * connection has ended.
 */
export type Post<Item extends Kept = Parcel> = (
  parcels: readonly Item[],
  onAnswer?: (parcel: Item, answer: unknown) => void,
) => void

export class Outbox<Item extends Kept = Parcel> {
  readonly #waiting = new Set<Item>()
  readonly #onAnswer: (parcel: Item, answer: unknown) => void
  readonly #mostBytes: (parcel: Item) => number
  #post: Post<Item> | undefined
  /** What has been added in this turn, to be sent together at its end. */
  #added: Item[] = []
  #whenEmpty: (() => void)[] = []

  /** @param onAnswer what the server acknowledged a parcel with */
  constructor(onAnswer: (parcel: Item, answer: unknown) => void, mostBytes: (parcel: Item) => number = bytesOf) {
    this.#onAnswer = onAnswer
    this.#mostBytes = mostBytes
  }

  /** Sends now, or as soon as there is a server. */
  add(parcel: Item): void {
    this.#waiting.add(parcel)
    if (this.#post === undefined) return
    this.#added.push(parcel)
    if (this.#added.length > 1) return
    queueMicrotask(() => {
      const added = this.#added.filter((one) => this.#waiting.has(one))
      this.#added = []
      this.#send(added)
    })
  }

  /** There is a server: all that is kept goes to it. Calling it again for the same one does nothing. */
  open(post: Post<Item>): void {
    if (this.#post !== undefined) return
    this.#post = post
    this.#send([...this.#waiting])
  }

  /** The server is away. */
  shut(): void {
    this.#post = undefined
    this.#added = []
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
  #send(parcels: readonly Item[]): void {
    const post = this.#post
    if (post === undefined) return
    for (const parcel of parcels) {
      if (parcel.frame.lease !== undefined) continue
      post([parcel])
      this.#done(parcel)
    }
    const leased = parcels.filter(({ frame }) => frame.lease !== undefined)
    for (const batch of batches(leased, this.#mostBytes)) {
      post(batch, (parcel, answer) => {
        if (this.#done(parcel)) this.#onAnswer(parcel, answer)
      })
    }
  }

  #done(parcel: Item): boolean {
    const wasWaiting = this.#waiting.delete(parcel)
    if (this.#waiting.size === 0) for (const tell of this.#whenEmpty.splice(0)) tell()
    return wasWaiting
  }
}

/** Of a frame with its event; a character takes at most 3 bytes in UTF-8. */
function bytesOf({ frame }: Kept): number {
  return 40 + 3 * JSON.stringify(frame).length
}
