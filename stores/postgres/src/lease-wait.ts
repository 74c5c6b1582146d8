/**
 * A lease begins when it is given. A call that waited for a connection moves its end by that time; otherwise a claim could come
 * back with a lease that is over.
 */

/** Less is not worth the trouble: no lease is shorter than twice that. */
const worthMs = 500

/** The end of a lease that was asked for so long ago and is given now: moved by whole seconds, as one that ends on a second is to. */
export function leaseEnd(until: number, waitedMs: number): number {
  return waitedMs < worthMs ? until : until + Math.ceil(waitedMs / 1000) * 1000
}
