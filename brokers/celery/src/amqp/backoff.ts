/** How long to wait before the next attempt to reach a broker. */

/** Milliseconds before attempt n, counted from 0: 0, 2000, 4000, ... 32000. @see celery.md, section 5 */
export function backoffMs(attempt: number): number {
  return Math.min(32_000, 2000 * attempt)
}
