/** Guests: those who were let in, with their passes, until they leave or their pass is over. */
import type { CancelTimer, Clock, Logger } from '@lovage/core'
import type { Socket } from 'socket.io'
import { everything, type Pass } from '../tokens/pass.ts'
import type { TokenBook } from '../tokens/token-book.ts'
import { eventNames } from '../wire/names.ts'

/** What the book of guests stands on. */
export interface GuestSurroundings {
  readonly book: Pick<TokenBook, 'list'>
  readonly clock: Clock
  readonly logger: Logger
  /** Between two looks at whether tokens are still there: words of their revocation may be lost. */
  readonly checkMs: number
}

interface Holders {
  readonly sockets: Set<Socket>
  readonly cancelExpiry: CancelTimer
}

export class Guests {
  readonly #around: GuestSurroundings
  readonly #passes = new WeakMap<Socket, Pass>()
  readonly #sentAway = new WeakSet<Socket>()
  /** Those who are in by a token, or until a time. */
  readonly #byToken = new Map<string, Holders>()
  #cancelCheck: CancelTimer | undefined

  constructor(around: GuestSurroundings) {
    this.#around = around
  }

  /** It is let in; it may be gone before it has come. */
  admit(socket: Socket, pass: Pass): void {
    this.#passes.set(socket, pass)
  }

  passOf(socket: Socket): Pass {
    return this.#passes.get(socket) ?? everything
  }

  /** It does not come back: it was told to go for good. */
  wasSentAway(socket: Socket): boolean {
    return this.#sentAway.has(socket)
  }

  /** It is in. */
  entered(socket: Socket): void {
    const pass = this.#passes.get(socket)
    if (pass === undefined || (pass.token === undefined && pass.expiresAt === undefined)) return
    const key = JSON.stringify([pass.token, pass.expiresAt])
    const holders = this.#byToken.get(key) ?? this.#begin(key, pass)
    holders.sockets.add(socket)
    socket.on('disconnect', () => {
      holders.sockets.delete(socket)
      if (holders.sockets.size === 0) this.#end(key, holders)
    })
  }

  /** Sends those away whose token is there no more. */
  async check(): Promise<void> {
    const used = new Set([...this.#byToken.keys()].flatMap((key) => tokenOf(key) ?? []))
    if (used.size === 0) return
    try {
      for (const { id } of await this.#around.book.list()) used.delete(id)
    } catch (error) {
      this.#around.logger.warn({ err: error }, 'the tokens of workers could not be looked up; those that were let in stay')
      return
    }
    for (const [key, holders] of this.#byToken) {
      if (used.has(tokenOf(key) ?? '')) this.#sendAway(holders, 'the token of this worker was revoked')
    }
  }

  close(): void {
    this.#cancelCheck?.()
    for (const [key, holders] of this.#byToken) this.#end(key, holders)
  }

  #begin(key: string, { expiresAt }: Pass): Holders {
    const { clock } = this.#around
    const sockets = new Set<Socket>()
    const expire = (): void => this.#sendAway({ sockets }, 'the token of this worker has expired')
    const holders = { sockets, cancelExpiry: expiresAt === undefined ? () => {} : clock.at(expiresAt, expire) }
    this.#byToken.set(key, holders)
    this.#cancelCheck ??= this.#checkLater()
    return holders
  }

  #end(key: string, { cancelExpiry }: Holders): void {
    cancelExpiry()
    this.#byToken.delete(key)
    if (this.#byToken.size > 0) return
    this.#cancelCheck?.()
    this.#cancelCheck = undefined
  }

  #checkLater(): CancelTimer {
    const { clock, checkMs } = this.#around
    return clock.at(clock.now() + checkMs, () => {
      void this.check()
      this.#cancelCheck = this.#checkLater()
    })
  }

  #sendAway({ sockets }: Pick<Holders, 'sockets'>, why: string): void {
    for (const socket of [...sockets]) {
      this.#sentAway.add(socket)
      socket.emit(eventNames.error, why)
      // It is told that it is not to come back by itself.
      socket.disconnect()
    }
  }
}

function tokenOf(key: string): string | null | undefined {
  return (JSON.parse(key) as readonly [string | null])[0]
}
