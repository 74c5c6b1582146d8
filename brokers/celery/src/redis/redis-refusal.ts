/** What Redis refuses, in Lovage's words. */
import { LovageError, StoreError } from '@lovage/core'

/** Gives the error to throw for one that came from ioredis; what is Lovage's already stays as it is. */
export function refused(error: Error): LovageError {
  if (LovageError.is(error)) return error
  const code = error.message.startsWith('OOM') ? 'STORE_FULL' : 'STORE_UNAVAILABLE'
  return new StoreError(code, `expected Redis to do what it was asked, got: ${error.message}`, {
    cause: error,
    // A key of another kind stays one.
    ...(error.message.startsWith('WRONGTYPE') ? { retryable: false } : {}),
  })
}
