/**
 * Standing orders: the database thread goes on renewing a holder's leases while the main thread's event loop is blocked.
 *
 *   claim or renew --> heard --(half a lease without a word)--> asked --(pong)--> heard
 *                                                                 |
 *                                          (a sixth of a lease without a pong)
 *                                                                 v
 *                                                              blocked: renew at every third of the lease
 *
 * A main thread that answers is not blocked: whether it renews is its own affair, and the thread keeps out of it. One that
 * does not answer gets `blockedLimitMs` from its last word; after that its leases end like those of a dead process.
 */

/** What the orders need from the thread around them. */
export interface OrderTools {
  readonly blockedLimitMs: number
  /** A clock that only grows, in milliseconds. */
  readonly elapsed: () => number
  readonly later: (delayMs: number, callback: () => void) => { cancel(): void }
  /** Asks the main thread for a pong. */
  readonly ping: () => void
  readonly holdsAny: (holder: string) => boolean
  readonly renew: (holder: string, until: number) => void
}

export interface StandingOrders {
  /** The main thread claimed or renewed: the holder's leases end at `until`, `leaseMs` after that word. */
  word(holder: string, until: number, leaseMs: number | undefined): void
  /** The main thread answered a ping. */
  pong(): void
  stop(): void
}

interface Order {
  until: number
  leaseMs: number
  /** When the main thread last spoke, by `elapsed`. */
  at: number
  timer: { cancel(): void }
}

/** Starts without any order. */
export function standingOrders(tools: OrderTools): StandingOrders {
  const orders = new Map<string, Order>()
  let pongAt = Number.NEGATIVE_INFINITY
  let askedAt = Number.NEGATIVE_INFINITY

  const ask = (holder: string, order: Order): void => {
    if (!tools.holdsAny(holder)) {
      orders.delete(holder)
      return
    }
    if (pongAt >= askedAt) {
      askedAt = tools.elapsed()
      tools.ping()
    }
    order.timer = tools.later(order.leaseMs / 6, () => answer(holder, order))
  }

  const answer = (holder: string, order: Order): void => {
    if (pongAt >= askedAt) {
      order.timer = tools.later(order.leaseMs / 2, () => ask(holder, order))
      return
    }
    const silentFor = tools.elapsed() - order.at
    // The lease moves by the time that passed, so that it is as long as the one the main thread gave. Times are whole.
    if (silentFor > tools.blockedLimitMs || !tools.holdsAny(holder)) {
      orders.delete(holder)
      return
    }
    tools.renew(holder, Math.floor(order.until + silentFor))
    order.timer = tools.later(order.leaseMs / 3, () => answer(holder, order))
  }

  return {
    word(holder, until, leaseMs) {
      const known = orders.get(holder)
      const length = leaseMs ?? known?.leaseMs
      if (length === undefined || length <= 0) return
      known?.timer.cancel()
      const order: Order = {
        until: Math.max(until, known?.until ?? until),
        leaseMs: length,
        at: tools.elapsed(),
        timer: { cancel() {} },
      }
      order.timer = tools.later(length / 2, () => ask(holder, order))
      orders.set(holder, order)
    },
    pong() {
      pongAt = tools.elapsed()
    },
    stop() {
      for (const { timer } of orders.values()) timer.cancel()
      orders.clear()
    },
  }
}
