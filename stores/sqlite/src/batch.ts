/**
 * Group commit: calls that wait together share one transaction, one wait for the disk and one lock.
 *
 * Each call stays atomic by itself: one that fails is undone to its savepoint and rejects alone. When SQLite gives up the
 * whole transaction (a full disk), the calls are done again one by one, so that each stands or falls for itself. Reads have
 * snapshots of their own, so that a long one holds neither the lock nor the answers of writers.
 */
import type { Connection } from './connection.ts'
import { type ErrorParts, errorParts, isBusy } from './sqlite-errors.ts'
import type { Verb } from './verb.ts'
import type { VerbName, Verbs } from './verbs.ts'

/** One call: its number, the operation and what it is called with. */
export type Call = readonly [id: number, verb: VerbName, payload: unknown]

/** The answer to a call, or why there is none. */
export type Reply = readonly [id: number, failed: false, answer: unknown] | readonly [id: number, failed: true, parts: ErrorParts]

export interface BatchRunner {
  /** Whether the call does nothing but read. */
  isRead(call: Call): boolean
  /** Runs calls in order and answers when what they wrote is committed. */
  run(calls: readonly Call[]): readonly Reply[]
  /** Runs reads in order on one snapshot, at least one and no more once `isOver`; answers as many as it ran. */
  read(calls: readonly Call[], isOver: () => boolean): readonly Reply[]
}

/** Prepares batches on a connection. */
export function batchRunner(connection: Connection, verbs: Verbs): BatchRunner {
  const { db, path } = connection
  const savepoint = db.prepare('savepoint call')
  const release = db.prepare('release call')
  const undo = db.prepare('rollback to call')
  const verbOf = (call: Call): Verb<unknown> => verbs[call[1]] as Verb<unknown>
  const failed = (call: Call, error: unknown): Reply => failure(call, error, path)
  const answered = (call: Call): Reply => [call[0], false, verbOf(call).run(call[2])]

  const attempt = (call: Call): Reply => {
    savepoint.run()
    try {
      const reply = answered(call)
      release.run()
      return reply
    } catch (error) {
      if (!db.isTransaction) throw error
      undo.run()
      release.run()
      return failed(call, error)
    }
  }

  const writeAll = (calls: readonly Call[]): readonly Reply[] => {
    connection.beginWrite(calls.some((call) => verbOf(call).durable && verbOf(call).writes !== 'read'))
    const replies = calls.length === 1 ? calls.map(answered) : calls.map(attempt)
    connection.commit()
    return replies
  }

  const write = (calls: readonly Call[]): readonly Reply[] => {
    try {
      return writeAll(calls)
    } catch (error) {
      connection.rollback()
      // Whoever waited in vain for the lock has waited for all of them.
      if (calls.length > 1 && !isBusy(error)) return calls.flatMap((call) => write([call]))
      return calls.map((call) => failed(call, error))
    }
  }

  /** Answers undefined when one of the calls would write after all. */
  const look = (calls: readonly Call[]): readonly Reply[] | undefined => {
    try {
      connection.beginRead()
      const replies = calls.some((call) => wouldWrite(verbOf(call), call[2])) ? undefined : calls.map(answered)
      connection.commit()
      return replies
    } catch (error) {
      connection.rollback()
      if (calls.length > 1 && !isBusy(error)) return calls.flatMap((call) => run([call]))
      return calls.map((call) => failed(call, error))
    }
  }

  const run = (calls: readonly Call[]): readonly Reply[] => {
    const surely = calls.some((call) => verbOf(call).writes === 'write')
    return (surely ? undefined : look(calls)) ?? write(calls)
  }

  return { isRead: (call) => verbOf(call).writes === 'read', run, read: snapshotReads(connection, answered) }
}

function snapshotReads(connection: Connection, answered: (call: Call) => Reply): BatchRunner['read'] {
  return (calls, isOver) => {
    const replies: Reply[] = []
    try {
      connection.beginRead()
      for (const call of calls) {
        replies.push(answered(call))
        if (isOver()) break
      }
      connection.commit()
      return replies
    } catch (error) {
      connection.rollback()
      // Of those not answered only the first is to blame, unless nobody can read now.
      const left = calls.slice(replies.length, isBusy(error) ? undefined : replies.length + 1)
      return [...replies, ...left.map((call) => failure(call, error, connection.path))]
    }
  }
}

function failure([id]: Call, error: unknown, path: string): Reply {
  return [id, true, errorParts(error, path)]
}

function wouldWrite({ writes }: Verb<unknown>, payload: unknown): boolean {
  return typeof writes === 'function' ? writes(payload) : writes === 'write'
}
