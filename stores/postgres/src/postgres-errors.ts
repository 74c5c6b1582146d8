/** PostgreSQL's errors in Lovage's words. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
import { BugError, ConfigError, type ErrorCode, LovageError, StoreError } from '@lovage/core'

/** What is known of a code or of the class of a code (its first two characters). */
const codes: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '08': ['STORE_UNAVAILABLE', 'expected the connection to last'],
  '28': ['STORE_UNAVAILABLE', 'expected to be let in; check user, password and pg_hba.conf'],
  '3D': ['STORE_UNAVAILABLE', 'expected the database to exist; create it first'],
  '3F': ['STORE_CORRUPT', 'expected the tables of a Lovage queue; somebody removed them'],
  '40': ['STORE_BUSY', 'expected the rows in time; others kept changing them'],
  '42501': ['STORE_UNAVAILABLE', 'expected the right to use these tables'],
  '42883': ['STORE_CORRUPT', 'expected the functions of a Lovage queue; somebody removed them'],
  '42P01': ['STORE_CORRUPT', 'expected the tables of a Lovage queue; somebody removed them'],
  '53100': ['STORE_FULL', 'expected room on the disk; make room and try again'],
  '53': ['STORE_BUSY', 'expected the server to have room for another connection or statement'],
  '55P03': ['STORE_BUSY', 'expected the lock in time; somebody else kept it'],
  '57014': ['STORE_BUSY', 'expected the statement to be done in time; it was cancelled'],
  '57': ['STORE_UNAVAILABLE', 'expected the server to be up; it is stopping or starting'],
  '58': ['STORE_UNAVAILABLE', 'expected the disk to read and write'],
  XX: ['STORE_CORRUPT', 'expected sound data files'],
}

/** What no attempt can write, by the code in full. */
const refusals: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '22021': ['NAME_INVALID', 'expected texts without NUL'],
  '22P05': ['NAME_INVALID', 'expected texts that the encoding of the database can tell; it should be UTF8'],
  '22003': ['OPTION_INVALID', 'expected numbers that a column can hold'],
  '22P02': ['OPTION_INVALID', 'expected whole numbers'],
  '54000': ['NAME_INVALID', 'expected name and key, or id, to fit into an index: 2,700 bytes at the most'],
}

const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
])

/** The cause of an error that says of itself what those codes say. */
export const undone = Symbol('undone')

/** Tells whether doing the same again may go well at once: the transaction was undone for the sake of another. */
export function isUndone(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return code === '40001' || code === '40P01' || cause === undone
}

/** Tells whether a row of that id was there. */
export function isTaken(error: unknown): boolean {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } }
  return cause?.code === '23505'
}

/**
 * Turns anything thrown by the driver into a LovageError about the database.
 * @param place its address, without a password
 */
export function storeError(error: unknown, place: string): LovageError {
  if (LovageError.is(error)) return error
  const { code, message } = error as { code?: string; message: string }
  const options = { cause: error, subject: place }
  if (code === '26000' || code === '42P05') {
    const text = `expected statements to stay prepared, got a pooler between that keeps none: ${place} (${message}); leave out \`prepare\``
    // About the place, and no task of anybody's.
    return new StoreError('UNSUPPORTED', text, options)
  }
  const refused = typeof code === 'string' ? refusals[code] : undefined
  if (refused !== undefined) return new ConfigError(refused[0], `${refused[1]}: ${place} (${message})`, options)
  const known = typeof code === 'string' && code.length === 5 ? (codes[code] ?? codes[code.slice(0, 2)]) : undefined
  if (known !== undefined) return new StoreError(known[0], `${known[1]}: ${place} (${message})`, options)
  if (code === undefined || networkCodes.has(code)) {
    // The driver's own errors about connections have no code.
    const reason = message === '' ? String(code) : message
    return new StoreError('STORE_UNAVAILABLE', `expected a PostgreSQL server to answer at ${place}, got: ${reason}`, options)
  }
  return new BugError('BUG', `the PostgreSQL store met an error it does not know: ${code} ${message}`, options)
}

/** The address without user and password. */
export function placeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return 'postgres'
  }
}
