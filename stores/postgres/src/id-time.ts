/** When an id was made, as far as it tells: UUIDs of version 7 begin with their time (RFC 9562, 5.7). */

const version7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether it looks like an id that was made for its task, as it is when the sender gives none. */
export function isMade(id: string): boolean {
  return version7.test(id)
}

/** Clocks of processes differ. */
const marginMs = 86_400_000

/** Times between which tasks were resolved, if they were: epoch milliseconds; null for an hour after the server's time. */
export type ResolvedRange = readonly [from: number, to: number | null]

/** Says as closely as ids tell when their tasks may have been resolved, so that few days have to be looked at. */
export function resolvedRange(ids: readonly string[], now: number): ResolvedRange {
  let earliest = Number.POSITIVE_INFINITY
  for (const id of ids) {
    const [, high, low] = version7.exec(id) ?? []
    if (high === undefined || low === undefined) return [0, Number.MAX_SAFE_INTEGER]
    earliest = Math.min(earliest, Number.parseInt(high + low, 16))
  }
  return [Math.max(0, Math.min(earliest, now) - marginMs), null]
}
