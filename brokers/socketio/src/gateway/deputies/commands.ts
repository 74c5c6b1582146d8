/** Commands of remote control, passed to a worker on its socket, and its replies. */
import { ProtocolError, StoreError } from '@lovage/core'
import type { Socket } from 'socket.io'
import { decodeCommandReply } from '../../wire/buses.ts'
import { eventNames } from '../../wire/names.ts'
import type { Surroundings } from '../surroundings.ts'

/** Commands to a worker are served. */
export interface Commands {
  end(): Promise<void>
}

/** How long a worker has for its reply. */
const replyMs = 10_000

/** Serves the commands to a worker of this name. Nobody is asked where the gateway has no control bus. */
export async function serveCommands(around: Surroundings, name: string, socketOf: () => Socket | undefined): Promise<Commands> {
  const { control } = around.buses
  if (control === undefined) return { end: async () => {} }
  const end = await control.serve(name, async (method, args) => {
    const socket = socketOf()
    if (socket === undefined) throw new StoreError('STORE_UNAVAILABLE', `worker ${name} is away from its gateway now; ask again`)
    return ask(around, socket, { method, args })
  })
  return { end }
}

function ask({ clock }: Surroundings, socket: Socket, command: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cancel = clock.at(clock.now() + replyMs, () => {
      reject(new ProtocolError('PROTOCOL_INVALID', `expected a reply of the worker within ${replyMs} ms, got none`))
    })
    socket.emit(eventNames.control, command, (said: unknown) => {
      cancel()
      const reply = decodeCommandReply(said)
      if (!reply.ok) reject(new ProtocolError('PROTOCOL_INVALID', `reply of the worker: ${reply.reason}`))
      else if (reply.frame.ok) resolve(reply.frame.value)
      // In the worker's own words.
      else reject(reply.frame.error)
    })
  })
}
