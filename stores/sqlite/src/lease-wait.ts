/**
 * A lease begins when it is given. A call that waited (for the lock, or behind others that did) moves its end by that time;
 * otherwise a claim could come back with a lease that is over.
 */

/** Less is not worth the trouble: no lease is shorter than twice that. */
const worthMs = 500

/** When the main thread made a call, by `elapsed`. */
export interface Asked {
  readonly askedAt: number
}

/** Milliseconds on a clock that only grows and that all threads of a process share. */
export function elapsed(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** The end of a lease that was asked for then and is given now: moved by whole seconds, as one that ends on a second is to. */
export function leaseEnd(until: number, askedAt: number): number {
  const waited = elapsed() - askedAt
  return waited < worthMs ? until : until + Math.ceil(waited / 1000) * 1000
}
