/** Sends messages through a server, again after a break: a message with its id is one task however often it comes. */
import { type AbortSignal, LovageError, type SendReceipt, StoreError, TaskError, type TaskMessage } from '@lovage/core'
import { decodeSendAnswer } from '../wire/buses.ts'
import { limits } from '../wire/limits.ts'
import { eventNames } from '../wire/names.ts'
import type { Line } from './line.ts'

/** @throws {TaskError | ConfigError} what the server says; the reason of `signal` while nothing was sent */
export async function sendOn(
  lineOf: () => Line,
  messages: readonly TaskMessage[],
  signal: AbortSignal | undefined,
): Promise<readonly SendReceipt[]> {
  let frames = messages.map(written)
  checkSize(frames)
  for (;;) {
    const line = lineOf()
    await line.whenUp(signal)
    let said: unknown
    try {
      said = await line.ask(eventNames.send, [frames])
    } catch (error) {
      if (!LovageError.is(error, 'STORE_UNAVAILABLE')) throw error
      // It may be there already.
      frames = frames.map(({ isNew: _, ...rest }) => rest)
      continue
    }
    const answer = decodeSendAnswer(said)
    if (!answer.ok) throw new StoreError('STORE_UNAVAILABLE', `the server's answer cannot be read: ${answer.reason}`)
    if (answer.frame.ok) return answer.frame.receipts
    throw new TaskError(answer.frame.code, answer.frame.message)
  }
}

function written(message: TaskMessage): Readonly<Record<string, unknown>> {
  const { http: _, ...rest } = message
  try {
    const frame = JSON.parse(JSON.stringify(rest)) as Record<string, unknown>
    return message.input === null ? { ...frame, nullInput: true } : frame
  } catch (cause) {
    const why = (cause as Error).message
    const text = `expected the input of ${message.name} to be a JSON value, got one that cannot be written: ${why}`
    throw new TaskError('INPUT_UNSERIALIZABLE', text, { cause })
  }
}

function checkSize(frames: readonly object[]): void {
  const bytes = Buffer.byteLength(JSON.stringify(frames))
  if (frames.length <= limits.batch && bytes <= limits.payloadBytes) return
  const got = `${frames.length} with ${bytes} bytes`
  const message = `expected at most ${limits.batch} messages with ${limits.payloadBytes} bytes together, got: ${got}; send fewer at once`
  throw new TaskError('PAYLOAD_TOO_LARGE', message)
}
