/** The lobby: a line to a server on which no worker registers, open while somebody sends. */
import type { CancelTimer, LovageError } from '@lovage/core'
import { StoreError } from '@lovage/core'
import { after } from '../workers/timers.ts'
import { Line } from './line.ts'

/** How long it stays open with nothing to ask. */
const idleMs = 4000

export class Lobby {
  readonly #url: string
  readonly #token: string | undefined
  #line: Line | undefined
  #cancelIdle: CancelTimer = () => {}

  constructor(url: string, token: string | undefined) {
    this.#url = url
    this.#token = token
  }

  /** Resolves when the server lets us in. @throws {LovageError} why it does not, or that it does not answer */
  async reach(): Promise<void> {
    let fail: (error: LovageError) => void = () => {}
    const trouble = new Promise<never>((_, reject) => {
      fail = reject
    })
    const line = this.#open((error) => fail(error))
    try {
      await Promise.race([line.whenUp(), trouble])
    } catch (error) {
      this.leave()
      throw error
    }
  }

  /** A line to send on; it is up soon, and closed when it was not asked for in a while. */
  line(): Line {
    const line = this.#line ?? this.#open(() => {})
    this.#linger()
    return line
  }

  /** There is a better one. */
  leave(): void {
    this.close(new StoreError('STORE_UNAVAILABLE', `the connection to ${this.#url} was left for another`))
  }

  close(error: LovageError): void {
    this.#cancelIdle()
    this.#line?.close(error)
    this.#line = undefined
  }

  #open(trouble: (error: LovageError) => void): Line {
    const { url, token } = { url: this.#url, token: this.#token }
    const line: Line = new Line(
      { url, token, id: 'lobby' },
      {
        trouble,
        over: () => {
          if (this.#line === line) this.#line = undefined
        },
      },
    )
    this.#line = line
    line.open()
    this.#linger()
    return line
  }

  #linger(): void {
    this.#cancelIdle()
    this.#cancelIdle = after(idleMs, () => {
      if (this.#line?.isAsking === true) this.#linger()
      else this.leave()
    })
  }
}
