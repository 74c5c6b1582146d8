/** Errors that no further attempt can mend, and what is made of those that nobody foresaw. */
import { LovageError } from '@lovage/core'

/** What is certain never to succeed. A value that cannot be written is the worker's to replace by another outcome. */
export function isFinal(error: unknown): error is LovageError {
  return LovageError.is(error) && !error.retryable && error.code !== 'INPUT_UNSERIALIZABLE'
}

/** How often a thing is tried whose error says nothing of itself. */
const mostAttempts = 5

/** Whether it is time to let go of what was tried so often: of what is final at once, and not before the worker could do so itself. */
export function isHopeless(error: unknown, attempts: number): boolean {
  if (LovageError.is(error, 'STORE_CLOSED') || LovageError.is(error, 'SETTLED_TWICE')) return false
  return LovageError.is(error) ? isFinal(error) : attempts >= mostAttempts
}
