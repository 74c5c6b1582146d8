/** The waiting room: sockets that were let in and have not registered. Who says nothing goes. */
import type { CancelTimer, Clock } from '@lovage/core'
import type { Socket } from 'socket.io'
import { eventNames } from '../wire/names.ts'

export class WaitingRoom {
  readonly #clock: Clock
  readonly #longestMs: number
  readonly #waiting = new WeakMap<Socket, CancelTimer>()

  constructor(clock: Clock, longestMs: number) {
    this.#clock = clock
    this.#longestMs = longestMs
  }

  enter(socket: Socket): void {
    const tooLong = (): void => {
      socket.emit(
        eventNames.error,
        `expected ${eventNames.connect} within ${this.#longestMs / 1000} s, got none; the connection is closed`,
      )
      socket.conn.close()
    }
    this.#waiting.set(socket, this.#clock.at(this.#clock.now() + this.#longestMs, tooLong))
    socket.on('disconnect', () => this.leave(socket))
  }

  /** It has registered, or is gone. */
  leave(socket: Socket): void {
    this.#waiting.get(socket)?.()
    this.#waiting.delete(socket)
  }
}
