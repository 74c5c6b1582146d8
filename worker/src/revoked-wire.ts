/** The revoked ids as workers send them to each other: Celery's shape. */
import type { RevokedIds } from './revoked-ids.ts'

/**
 * Id to the time of revoking, in seconds of the monotonic clock. Python refuses a number without a fraction there, and
 * JSON writes 12.0 as 12, so whole seconds get one.
 */
export function revokedToWire(revoked: RevokedIds, now: number): Readonly<Record<string, number>> {
  const monotonic = Number(process.hrtime.bigint()) / 1e9
  const wire: Record<string, number> = {}
  for (const [id, ageMs] of revoked.ages(now)) {
    const added = monotonic - ageMs / 1000
    wire[id] = Number.isInteger(added) ? added + 0.5 : added
  }
  return wire
}

/** Reads what another worker sent: an object by id, or a list of ids. Their times are of their clocks, and left out. */
export function revokedFromWire(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((id) => typeof id === 'string')
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}
