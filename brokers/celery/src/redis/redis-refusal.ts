/** What Redis refuses, in Lovage's words. */
import { LovageError, StoreError, shown } from '@lovage/core'

/** A key of another kind stays one. */
const wrongType = /^WRONGTYPE /
/** The same, and a list that others may be let put something into. */
export const notForUs = /^(WRONGTYPE|NOPERM) /

/**
 * Gives the error to throw for one that came from ioredis; what is Lovage's already stays as it is.
 * @param lasting what no further attempt changes
 */
export function refused(error: Error, lasting: RegExp = wrongType): LovageError {
  if (LovageError.is(error)) return error
  const code = error.message.startsWith('OOM') ? 'STORE_FULL' : 'STORE_UNAVAILABLE'
  return new StoreError(code, `expected Redis to do what it was asked, got: ${error.message}`, {
    cause: error,
    ...(lasting.test(error.message) ? { retryable: false } : {}),
  })
}

/** A key that holds something else than it should: no further attempt changes that. */
export function wrongKey(key: string, said: string): StoreError {
  const message = `expected the key ${shown(key)} to hold the record of a task, got: ${said}; delete it, or rename it`
  return new StoreError('STORE_UNAVAILABLE', message, { subject: key, retryable: false })
}
