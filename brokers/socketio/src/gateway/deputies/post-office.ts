/** Takes the messages that workers send: into the queues that their tokens allow, and touching nothing of others. */
import { LovageError, type TaskMessage } from '@lovage/core'
import type { Socket } from 'socket.io'
import { covers, type Pass } from '../../tokens/pass.ts'
import { decodeMessages, type SendAnswer } from '../../wire/buses.ts'
import { eventNames } from '../../wire/names.ts'
import type { Surroundings } from '../surroundings.ts'

/** Hears messages on a socket, whether it registers or not. */
export function takeMessages(socket: Socket, around: Surroundings, passOf: (socket: Socket) => Pass): void {
  socket.on(eventNames.send, (...args: unknown[]) => {
    const last = args.at(-1)
    if (typeof last !== 'function') return
    void sent(args, around, passOf(socket)).then((answer) => void last(answer))
  })
}

async function sent(args: readonly unknown[], { buses, logger }: Surroundings, pass: Pass): Promise<SendAnswer> {
  const decoded = decodeMessages(args)
  if (!decoded.ok) return { ok: false, code: 'PROTOCOL_INVALID', message: decoded.reason }
  const refusal = decoded.frame.map((message) => forbidden(message, pass)).find((reason) => reason !== undefined)
  if (refusal !== undefined) return { ok: false, code: 'SCOPES_INSUFFICIENT', message: refusal }
  if (buses.tasks === undefined) return { ok: false, code: 'UNSUPPORTED', message: 'this server takes no tasks from workers' }
  try {
    return { ok: true, receipts: await buses.tasks.send(decoded.frame) }
  } catch (error) {
    if (LovageError.is(error)) return { ok: false, code: error.code, message: error.rawMessage }
    logger.error({ err: error }, 'a message of a worker could not be sent')
    return { ok: false, code: 'STORE_UNAVAILABLE', message: 'the server could not keep the message; send it again' }
  }
}

/** An id that nobody comes by chance upon: no other text tells whether a task of another queue has it, or keeps one from having it. */
const unguessable = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/**
 * With a token for some queues, what would read, end or prevent tasks of other queues is refused: ids, keys and dependencies hold across
 * them.
 */
function forbidden({ id, queue, key, dependencies = [], bind }: TaskMessage, { queues }: Pass): string | undefined {
  if (!covers(queues, queue)) return `expected a queue that the token allows (${queues.join(', ')}), got: ${queue}`
  if (queues.includes('*')) return undefined
  const what = [
    ...(unguessable.test(id) ? [] : ['an id of its own, which is no UUID']),
    ...(key === undefined ? [] : ['a key']),
    ...(dependencies.length === 0 && bind === undefined ? [] : ['dependencies']),
  ]
  if (what.length === 0) return undefined
  return `expected a message without ${what.join(' and ')} from a worker whose token is for some queues alone, as it would reach into others`
}
