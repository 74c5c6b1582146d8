/** What the database thread does: opens the file, takes all calls that wait at once, and answers when they are committed. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { ClaimRequest, RenewRequest } from '@lovage/core'
import { batchRunner, type Call, type Reply } from './batch.ts'
import { type Connection, openConnection } from './connection.ts'
import { errorParts } from './sqlite-errors.ts'
import { type StandingOrders, standingOrders } from './standing-orders.ts'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import { prepareVerbs } from './verbs.ts'
import type { FromThread, ThreadOptions, ToThread } from './wire.ts'

/** Node's timers take no longer ones; firing early does no harm. */
const timerLimitMs = 2 ** 31 - 1

/** Opens the file and serves it on the port, or says why not. */
export function serve(port: MessagePort, options: ThreadOptions): void {
  const tell = (message: FromThread): void => port.postMessage(message)
  try {
    serveOn(port, openConnection(options), options)
    tell('opened')
  } catch (error) {
    tell({ refused: errorParts(error, options.path) })
    port.close()
  }
}

function serveOn(port: MessagePort, connection: Connection, options: ThreadOptions): void {
  const run = batchRunner(connection, prepareVerbs(connection.db))
  const held = rows(
    connection.db,
    `select 1 from task indexed by running where state = ${stateCodes.running} and holder = ? limit 1`,
  )
  const orders = standingOrders({
    blockedLimitMs: options.blockedLimitMs,
    elapsed: () => performance.now(),
    later(delayMs, callback) {
      const timer = setTimeout(callback, Math.min(delayMs, timerLimitMs))
      return { cancel: () => clearTimeout(timer) }
    },
    ping: () => port.postMessage('ping' satisfies FromThread),
    holdsAny(holder) {
      try {
        return held.get(holder) !== undefined
      } catch {
        // A file that cannot be read now is no reason to let go.
        return true
      }
    },
    renew: (holder, until) => void run([[0, 'renew', { holder, until } satisfies RenewRequest]]),
  })
  port.on('message', (first: ToThread) => {
    const { calls, isLast } = drain(port, first, orders)
    if (calls.length > 0) {
      const replies = run(calls)
      hear(calls, replies, orders)
      port.postMessage(replies satisfies FromThread)
    }
    if (!isLast) return
    orders.stop()
    connection.close()
    port.close()
  })
}

/** Takes what has been sent so far, in order; calls after `close` cannot come. */
function drain(port: MessagePort, first: ToThread, orders: StandingOrders): { calls: readonly Call[]; isLast: boolean } {
  let calls: readonly Call[] = []
  let next: { readonly message: ToThread } | undefined = { message: first }
  for (; next !== undefined; next = receiveMessageOnPort(port) as { message: ToThread } | undefined) {
    if (next.message === 'close') return { calls, isLast: true }
    if (next.message === 'pong') orders.pong()
    else calls = calls.length === 0 ? next.message : [...calls, ...next.message]
  }
  return { calls, isLast: false }
}

/** Claims and renewals of whatever a holder holds are the words that standing orders go on from. */
function hear(calls: readonly Call[], replies: readonly Reply[], orders: StandingOrders): void {
  for (const [index, [, verb, payload]] of calls.entries()) {
    const reply = replies[index]
    if (reply === undefined || reply[1]) continue
    if (verb === 'claim') {
      const { holder, until, now } = payload as ClaimRequest
      if ((reply[2] as readonly [readonly unknown[]])[0].length > 0) orders.word(holder, until, until - now)
    } else if (verb === 'renew') {
      const { holder, until, runs } = payload as RenewRequest
      if (runs === undefined) orders.word(holder, until, undefined)
    }
  }
}
