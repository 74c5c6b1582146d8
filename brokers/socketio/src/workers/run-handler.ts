/** Runs a user's handler until the first of its settlements. */
import { jsonValue, toJson } from '../wire/json-value.ts'
import { limits } from '../wire/limits.ts'
import { cut } from '../wire/reader.ts'
import type { Settlement, TaskContext, TaskHandler } from './task-handler.ts'

/** Calls the handler at once. Never rejects; a handler that never settles leaves the promise open. */
export function runHandler(handler: TaskHandler<never>, properties: unknown, context: TaskContext): Promise<Settlement> {
  return new Promise((settle) => {
    const resolve = (results?: unknown, success: boolean = true) => settle(resolved(results, success))
    const reject = (message: unknown) => settle(broken(messageOf(message)))
    const returned = (value: unknown, isAwaited: boolean) => {
      if (value !== undefined) resolve(value)
      // Who does not take `resolve` has nothing else to say. A count of 0 may hide parameters (`...args`), so only a promise tells.
      else if (handler.length === 1 || (handler.length === 0 && isAwaited)) resolve()
    }
    try {
      const value: unknown = handler(properties as never, resolve, reject, context)
      if (isThenable(value)) Promise.resolve(value).then((awaited) => returned(awaited, true), reject)
      // `=> setTimeout(...)` and `=> stream.on(...)` return what is no result.
      else if (value === undefined || jsonValue(value, 'results').ok) returned(value, false)
    } catch (thrown) {
      reject(thrown)
    }
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** What cannot be sent would fail everywhere: the worker is not paused for it. */
function resolved(results: unknown, success: unknown): Settlement {
  if (typeof success !== 'boolean') return broken('the handler gave an invalid status response.')
  const written = toJson(results, 'results')
  if (!written.ok) return { type: 'fail', message: written.reason, isWorkersFault: false }
  return { type: 'done', results: written.frame, success }
}

/** The text is cut here, as it would be on the other side: it is to fit into a message. */
function broken(message: string): Settlement {
  return { type: 'fail', message: cut(message, limits.proseCharacters), isWorkersFault: true }
}

function messageOf(said: unknown): string {
  if (typeof said === 'string') return said
  const message = typeof said === 'object' && said !== null && 'message' in said ? said.message : undefined
  return typeof message === 'string' ? message : 'failed to perform task; the worker should be paused'
}
