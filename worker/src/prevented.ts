/** What keeps a delivered run from beginning. */
import type { DeliveredMessage, Outcome } from '@lovage/core'
import type { RevokedIds } from './revoked-ids.ts'

/** The outcome of a run that may not begin; undefined when it may. */
export function prevented({ id, deadline }: DeliveredMessage, revoked: RevokedIds, now: number): Outcome | undefined {
  if (revoked.size > 0 && revoked.has(id)) return { type: 'cancelled', message: 'revoked' }
  return deadline !== undefined && deadline <= now ? { type: 'rejected', reason: 'deadline-exceeded' } : undefined
}
