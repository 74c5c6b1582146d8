/** Answers what a handler in a child asked of the worker. */
import { failureFrom } from '@lovage/core'
import type { JobHooks } from '../pool.ts'
import type { Call, ToChild } from './protocol.ts'

/** Never rejects: what the worker refuses is told to the handler. */
export async function answerCall(message: Call, hooks: JobHooks): Promise<ToChild> {
  const { call } = message
  try {
    const value =
      message.type === 'send' ? await hooks.send(message.name, message.input, message.options) : await hooks.dependencies()
    return { type: 'answer', call, value }
  } catch (error) {
    return { type: 'refusal', call, failure: failureFrom(error) }
  }
}
