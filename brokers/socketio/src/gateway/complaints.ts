/** Complaints about the frames of a socket: its user is told of them, and of too many in a time the connection is closed. */
import type { Clock } from '@lovage/core'
import type { Socket } from 'socket.io'
import { eventNames } from '../wire/names.ts'
import { Allowance } from './allowance.ts'

/** So many frames may be wrong, and one more every ten seconds. */
const most = 100
const perSecond = 0.1

export function complainer(socket: Socket, clock: Clock): (text: string) => void {
  const allowance = new Allowance(most, perSecond, clock.now())
  return (text) => {
    socket.emit(eventNames.error, text)
    if (allowance.take(clock.now())) return
    socket.emit(eventNames.error, 'too many frames that are wrong; the connection is closed')
    socket.conn.close()
  }
}
