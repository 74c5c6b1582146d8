/** Reads what Redis answers (RESP 2), however it is cut into chunks. */
import { Buffer } from 'node:buffer'
import { ProtocolError } from '@lovage/core'

/** What Redis refuses, in its words: `WRONGTYPE Operation against a key ...`. */
export class RespError extends Error {}

/** Texts are Buffers where bytes are wanted. */
export type Reply = string | number | Buffer | null | RespError | readonly Reply[]

/** An array of which so many items are to come. */
interface Open {
  readonly items: Reply[]
  left: number
}

const [plus, minus, colon, dollar, star] = [...'+-:$*'].map((sign) => sign.charCodeAt(0))
const carriageReturn = 13
const none = Buffer.alloc(0)

/**
 * RESP 2, as much of it as Redis sends to whoever did not ask for more.
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class RespReader {
  readonly #onReply: (reply: Reply) => void
  readonly #wantsBytes: () => boolean
  #chunk: Buffer = none
  #at = 0
  readonly #open: Open[] = []
  /** Chunks of one text that is longer than what has come, and how many bytes are to come. */
  #parts: Buffer[] = []
  #missing = 0

  /** @param wantsBytes asked at each text: whether the reply that it belongs to shall have bytes */
  constructor(onReply: (reply: Reply) => void, wantsBytes: () => boolean) {
    this.#onReply = onReply
    this.#wantsBytes = wantsBytes
  }

  /** @throws {ProtocolError} PROTOCOL_INVALID for what Redis never says */
  write(chunk: Buffer): void {
    this.#parts.push(chunk)
    this.#missing -= chunk.length
    if (this.#missing > 0) return
    this.#chunk = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts)
    this.#at = 0
    while (this.#at < this.#chunk.length) {
      const before = this.#at
      const reply = this.#next()
      if (reply === undefined) {
        this.#at = before
        break
      }
      if (reply !== opened) this.#add(reply)
    }
    const rest = this.#chunk.subarray(this.#at)
    this.#parts = rest.length === 0 ? [] : [rest]
    this.#missing = Math.max(this.#missing, 1)
    this.#chunk = none
  }

  #add(reply: Reply): void {
    let whole = reply
    for (let array = this.#open.at(-1); array !== undefined; array = this.#open.at(-1)) {
      array.items.push(whole)
      array.left--
      if (array.left > 0) return
      this.#open.pop()
      whole = array.items
    }
    this.#onReply(whole)
  }

  /** Undefined where it has not come as a whole. */
  #next(): Reply | typeof opened | undefined {
    this.#missing = 0
    const end = this.#chunk.indexOf(carriageReturn, this.#at)
    if (end === -1 || end + 1 >= this.#chunk.length) return undefined
    const kind = this.#chunk[this.#at]
    const from = this.#at + 1
    this.#at = end + 2
    switch (kind) {
      case plus:
        return this.#chunk.toString('utf8', from, end)
      case minus:
        return new RespError(this.#chunk.toString('utf8', from, end))
      case colon:
        return this.#number(from, end)
      case dollar:
        return this.#text(this.#number(from, end))
      case star:
        return this.#array(this.#number(from, end))
    }
    const got = this.#chunk.toString('latin1', from - 1, Math.min(end, from + 30))
    throw new ProtocolError('PROTOCOL_INVALID', `expected an answer of Redis, got: ${JSON.stringify(got)}`)
  }

  #text(length: number): Reply | undefined {
    if (length < 0) return null
    const [from, end] = [this.#at, this.#at + length]
    this.#missing = end + 2 - this.#chunk.length
    if (this.#missing > 0) return undefined
    this.#at = end + 2
    return this.#wantsBytes() ? Buffer.from(this.#chunk.subarray(from, end)) : this.#chunk.toString('utf8', from, end)
  }

  #array(length: number): Reply | typeof opened {
    if (length < 0) return null
    if (length === 0) return []
    this.#open.push({ items: [], left: length })
    return opened
  }

  #number(from: number, end: number): number {
    return Number(this.#chunk.toString('latin1', from, end))
  }
}

/** An array has begun. */
const opened = Symbol('opened')
