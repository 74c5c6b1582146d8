/** Results over a server: of tasks in the queues that the token allows. */
import { LovageError, type Results, type ResultWait, StoreError, TaskError, type TaskResult } from '@lovage/core'
import { eventNames } from '../wire/names.ts'
import { decodeResultsAnswer } from '../wire/results.ts'
import type { Line } from './line.ts'

/** @param closing fires when the broker is closed */
export function resultsOver(lineOf: () => Line, closing: AbortSignal): Results {
  return {
    get: (ids) => (ids.length === 0 ? Promise.resolve([]) : asked(lineOf, { ids }, closing)),
    async wait(id: string, { timeoutMs, signal }: ResultWait = {}) {
      const until = timeoutMs === undefined ? undefined : Date.now() + timeoutMs
      const given = signal === undefined ? closing : AbortSignal.any([signal as AbortSignal, closing])
      const request = () => ({
        ids: [id],
        wait: true,
        ...(until === undefined ? {} : { timeoutMs: Math.max(0, until - Date.now()) }),
      })
      const [result] = await aborting(asked(lineOf, request, given), given)
      return result as TaskResult
    },
  }
}

/** Again after a break: to look has no effect. */
async function asked(lineOf: () => Line, request: object | (() => object), signal: AbortSignal): Promise<readonly TaskResult[]> {
  for (;;) {
    const line = lineOf()
    await line.whenUp(signal)
    try {
      const said = await line.ask(eventNames.results, [typeof request === 'function' ? request() : request])
      const answer = decodeResultsAnswer(said)
      if (!answer.ok) throw new StoreError('STORE_CORRUPT', `the server's answer cannot be read: ${answer.reason}`)
      if (answer.frame.ok) return answer.frame.results
      throw new TaskError(answer.frame.code, answer.frame.message)
    } catch (error) {
      if (signal.aborted || error instanceof TaskError || !LovageError.is(error, 'STORE_UNAVAILABLE')) throw error
    }
  }
}

function aborting<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
