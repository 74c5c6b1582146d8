/** Tells workers what became of tasks in the queues that their tokens allow: now, or when they are resolved. */
import { LovageError, type TaskResult } from '@lovage/core'
import type { Socket } from 'socket.io'
import { covers, type Pass } from '../../tokens/pass.ts'
import { eventNames } from '../../wire/names.ts'
import { decodeResultRequest, type ResultRequest, type ResultsAnswer } from '../../wire/results.ts'
import type { Surroundings } from '../surroundings.ts'

/** So many waits may be open on one socket. */
const mostWaits = 1000

/** Hears requests on a socket, whether it registers or not. */
export function showResults(socket: Socket, around: Surroundings, passOf: (socket: Socket) => Pass): void {
  let waits = 0
  socket.on(eventNames.results, (...args: unknown[]) => {
    const last = args.at(-1)
    const decoded = decodeResultRequest(args)
    if (typeof last !== 'function') return
    if (!decoded.ok) last({ ok: false, code: 'PROTOCOL_INVALID', message: decoded.reason })
    else if (waits >= mostWaits)
      last({ ok: false, code: 'REQUEST_REFUSED', message: `expected at most ${mostWaits} waits at once` })
    else {
      waits++
      const gone = new AbortController()
      const leave = (): void => gone.abort()
      socket.once('disconnect', leave)
      void shown(decoded.frame, around, passOf(socket), gone.signal).then((answer) => {
        waits--
        socket.off('disconnect', leave)
        last(answer)
      })
    }
  })
}

async function shown(
  { ids, wait, timeoutMs }: ResultRequest,
  { buses: { results }, admin, logger }: Surroundings,
  pass: Pass,
  signal: AbortSignal,
): Promise<ResultsAnswer> {
  if (results === undefined) return { ok: false, code: 'UNSUPPORTED', message: 'this server shows workers no results' }
  try {
    const visible = pass.queues.includes('*') ? undefined : new Set(await within(pass, admin, ids))
    if (wait === true) {
      const [id = ''] = ids
      if (visible?.has(id) === false) return { ok: false, code: 'TASK_UNKNOWN', message: unknown(id) }
      return { ok: true, results: [await results.wait(id, { timeoutMs, signal })] }
    }
    const found = await results.get(ids)
    const hidden = (id: string): TaskResult => ({ id, state: 'unknown' })
    return { ok: true, results: found.map((one, index) => (visible?.has(ids[index] ?? '') === false ? hidden(one.id) : one)) }
  } catch (error) {
    if (LovageError.is(error)) return { ok: false, code: error.code, message: error.rawMessage }
    if (!signal.aborted) logger.error({ err: error }, 'a result could not be shown to a worker')
    return { ok: false, code: 'STORE_UNAVAILABLE', message: 'the server could not look it up; ask again' }
  }
}

async function within(pass: Pass, admin: Surroundings['admin'], ids: readonly string[]): Promise<readonly string[]> {
  const tasks = await admin.get(ids)
  return tasks.flatMap((task) => (task !== undefined && covers(pass.queues, task.queue) ? [task.id] : []))
}

const unknown = (id: string): string => `expected a task in a queue that the token allows, got: ${id}`
