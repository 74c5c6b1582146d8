/**
 * What the database thread does: opens the file, takes all calls that wait at once, and answers when they are committed.
 * Reads come after the writes that were called with them or before, a few at a time: whoever writes does not wait for a
 * crowd of readers, and at most for one long read.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { type BatchRunner, batchRunner, type Call, type Reply } from './batch.ts'
import type { ClaimAnswer, ClaimPayload } from './claim.ts'
import { claimTurns } from './claim-turns.ts'
import { type Connection, openConnection } from './connection.ts'
import { elapsed } from './lease-wait.ts'
import { moveCheck } from './moved-file.ts'
import type { RenewAnswer, RenewPayload } from './renew.ts'
import { errorParts } from './sqlite-errors.ts'
import { type StandingOrders, standingOrders } from './standing-orders.ts'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import { prepareVerbs } from './verbs.ts'
import type { FromThread, ThreadOptions, ToThread } from './wire.ts'

/** Node's timers take no longer ones; firing early does no harm. */
const timerLimitMs = 2 ** 31 - 1

/** For how long reads are answered until the next look for writes. */
const readSliceMs = 2

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
  const { isRead, run, read } = batchRunner(connection, prepareVerbs(connection.db))
  const orders = ordersOf(port, connection, options, run)
  const checkPlace = moveCheck(connection.path)
  const tell = (message: FromThread): void => port.postMessage(message)
  const finish = (): void => {
    orders.stop()
    connection.close()
    port.close()
  }
  let reads: readonly Call[] = []
  const readSome = (): void => {
    const end = performance.now() + readSliceMs
    const replies = read(reads, () => performance.now() >= end)
    reads = reads.slice(replies.length)
    tell(replies)
  }
  const step = (messages: readonly ToThread[]): void => {
    const { calls, isLast } = callsOf(messages, orders)
    const writes = calls.filter((call) => !isRead(call))
    if (writes.length < calls.length) reads = [...reads, ...calls.filter(isRead)]
    if (writes.length > 0) {
      const replies = run(writes)
      hear(writes, replies, orders)
      tell(replies)
    }
    if (reads.length > 0) readSome()
    if (!isLast) return
    while (reads.length > 0) readSome()
    finish()
  }
  // Timers have their turn between steps.
  let later: NodeJS.Immediate | undefined
  const work = (messages: readonly ToThread[]): void => {
    clearImmediate(later)
    try {
      checkPlace()
    } catch (error) {
      tell({ refused: errorParts(error, options.path) })
      finish()
      return
    }
    step(messages)
    if (reads.length > 0) later = setImmediate(() => work(waiting(port)))
  }
  port.on('message', (first: ToThread) => work([first, ...waiting(port)]))
}

function ordersOf(port: MessagePort, { db }: Connection, { blockedLimitMs }: ThreadOptions, run: BatchRunner['run']) {
  const held = rows(db, `select 1 from task indexed by running where state = ${stateCodes.running} and holder = ? limit 1`)
  return standingOrders({
    blockedLimitMs,
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
    renew: (holder, until) => void run([[0, 'renew', { holder, until, askedAt: elapsed() } satisfies RenewPayload]]),
  })
}

/** Takes what has been sent so far. */
function waiting(port: MessagePort): readonly ToThread[] {
  const messages: ToThread[] = []
  for (;;) {
    const next = receiveMessageOnPort(port) as { readonly message: ToThread } | undefined
    if (next === undefined) return messages
    messages.push(next.message)
  }
}

/** The calls of messages, in order; none can come after `close`. */
function callsOf(messages: readonly ToThread[], orders: StandingOrders): { calls: readonly Call[]; isLast: boolean } {
  const calls: (readonly Call[])[] = []
  for (const message of messages) {
    if (message === 'pong') orders.pong()
    else if (message !== 'close') calls.push(message)
  }
  return { calls: calls.length === 1 ? (calls[0] as readonly Call[]) : calls.flat(), isLast: messages.includes('close') }
}

/** Claims and renewals of whatever a holder holds are the words that standing orders go on from. */
function hear(calls: readonly Call[], replies: readonly Reply[], orders: StandingOrders): void {
  for (const [index, [, verb, payload]] of calls.entries()) {
    const reply = replies[index]
    if (reply === undefined || reply[1]) continue
    if (verb === 'claim') {
      const request = payload as ClaimPayload
      const [taken, , , movedTo] = reply[2] as ClaimAnswer
      const { until, now } = request
      for (const { holder } of new Set(claimTurns(request, taken.length))) orders.word(holder, movedTo, until - now)
    } else if (verb === 'renew') {
      const { holder, runs } = payload as RenewPayload
      const [until] = reply[2] as RenewAnswer
      for (const each of new Set(runs?.map((run) => run.holder ?? holder) ?? [holder])) orders.word(each, until, undefined)
    }
  }
}
