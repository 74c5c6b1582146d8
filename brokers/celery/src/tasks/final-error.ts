/** Errors that no further attempt can mend. */
import { LovageError } from '@lovage/core'

/** What is certain never to succeed. A value that cannot be written is the worker's to replace by another outcome. */
export function isFinal(error: unknown): error is LovageError {
  return LovageError.is(error) && !error.retryable && error.code !== 'INPUT_UNSERIALIZABLE'
}
