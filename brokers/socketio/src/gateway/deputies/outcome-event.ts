/** What an outcome that a worker tells means for its task. */
import type { Outcome, TaskEvent } from '@lovage/core'

/** @param startedAt when the handler began, in epoch milliseconds; undefined if it did not */
export function outcomeEvent(outcome: Outcome, startedAt: number | undefined, now: number): TaskEvent {
  const began = startedAt ?? now
  switch (outcome.type) {
    case 'completed':
      return { type: 'completed', startedAt: began, result: JSON.stringify(outcome.result ?? null) }
    case 'failed':
      return { type: 'failed', startedAt: began, failure: outcome.failure, reason: outcome.reason }
    case 'retried':
      return { ...outcome, startedAt: began }
    case 'released':
      return { ...outcome, startedAt }
    case 'rejected':
      return { ...outcome, startedAt: began }
    case 'cancelled':
      return outcome
  }
}
