/** SQLite's errors in Lovage's words, and as plain data for the way between threads. */
import { BugError, type ErrorCode, LovageError, StoreError } from '@lovage/core'

/** An error as it crosses from the database thread: code, message, subject. */
export type ErrorParts = readonly [code: ErrorCode, message: string, subject: string | undefined]

// Result codes: https://www.sqlite.org/rescode.html. Extended codes carry the primary one in their low byte.
const busy = 5
const locked = 6
const shmSize = 4874 // SQLITE_IOERR_SHMSIZE: no room for the shared memory file, which is a full disk

const codes: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  3: ['STORE_UNAVAILABLE', 'expected the right to write it'],
  [busy]: ['STORE_BUSY', 'expected the write lock in time; another process kept it'],
  [locked]: ['STORE_BUSY', 'expected the write lock in time; another process kept it'],
  8: ['STORE_UNAVAILABLE', 'expected a file that can be written'],
  10: ['STORE_UNAVAILABLE', 'expected the disk to read and write'],
  11: ['STORE_CORRUPT', 'expected a sound SQLite file'],
  13: ['STORE_FULL', 'expected room on the disk; make room and try again'],
  14: ['STORE_UNAVAILABLE', 'expected a file that can be opened or created in an existing folder'],
  26: ['STORE_CORRUPT', 'expected a SQLite file; name another file, or move this one away to begin a new one'],
}

interface SqliteError extends Error {
  readonly errcode: number
}

/** Tells whether the error only says that someone else has the lock. */
export function isBusy(error: unknown): boolean {
  const code = (error as Partial<SqliteError>).errcode
  return code !== undefined && ((code & 0xff) === busy || (code & 0xff) === locked)
}

/** Turns anything thrown by SQLite into a LovageError about the file. */
export function storeError(error: unknown, path: string): LovageError {
  if (LovageError.is(error)) return error
  const { errcode, message } = error as Partial<SqliteError>
  const known = errcode === shmSize ? codes[13] : codes[(errcode ?? 0) & 0xff]
  if (known === undefined) {
    return new BugError('BUG', `the SQLite store met an error it does not know: ${message}`, { cause: error, subject: path })
  }
  return new StoreError(known[0], `${known[1]}: ${path} (${message})`, { cause: error, subject: path })
}

/** Takes an error apart for the message to the main thread. */
export function errorParts(error: unknown, path: string): ErrorParts {
  const known = storeError(error, path)
  return [known.code, known.rawMessage, known.subject]
}

/** Puts an error together again on the main thread. */
export function errorFrom([code, message, subject]: ErrorParts): LovageError {
  const options = subject === undefined ? {} : { subject }
  return code === 'BUG' ? new BugError(code, message, options) : new StoreError(code, message, options)
}
