/** A clock that stands still until a test moves it. */
import { BugError, type CancelTimer, type Clock, type Duration, durationMs } from '@lovage/core'

/** A Clock that only a test moves. */
export interface ManualClock extends Clock {
  /**
   * Moves the time on and fires what becomes due on the way, in order, each at its own time. Between two timers, and at
   * the end, everything that can go on without time goes on.
   * @throws {ConfigError} DURATION_INVALID
   * @throws {BugError} BUG when timers arm each other at one and the same time for ever
   */
  advance(duration: Duration): Promise<void>
  /** How many timers wait. */
  readonly pending: number
}

interface Timer {
  readonly time: number
  readonly callback: () => void
}

/** Timers that may fire at one and the same millisecond before it counts as a circle. */
const stuckAfter = 10_000

/** Makes a clock. @param start epoch milliseconds; default 2027-01-01T00:00:00Z */
export function manualClock(start: number = Date.UTC(2027, 0, 1)): ManualClock {
  let now = start
  // In order of time, then of arming.
  const timers: Timer[] = []

  const at = (time: number, callback: () => void): CancelTimer => {
    const timer: Timer = { time, callback }
    const index = timers.findLastIndex((other) => other.time <= time) + 1
    timers.splice(index, 0, timer)
    return () => {
      const position = timers.indexOf(timer)
      if (position >= 0) timers.splice(position, 1)
    }
  }

  const advance = async (duration: Duration): Promise<void> => {
    const target = now + durationMs(duration)
    let fired = 0
    await settled()
    for (let next = timers[0]; next !== undefined && next.time <= target; next = timers[0]) {
      timers.shift()
      fired = next.time > now ? 0 : fired + 1
      if (fired > stuckAfter)
        throw new BugError('BUG', `expected time to go on, got ${stuckAfter} timers at ${now} that arm each other`)
      now = Math.max(now, next.time)
      next.callback()
      await settled()
    }
    now = target
  }

  return {
    now: () => now,
    at,
    advance,
    get pending() {
      return timers.length
    },
  }
}

/** Lets promises and ticks run until only time or I/O could go on: one turn of the loop for each of two phases. */
async function settled(): Promise<void> {
  await new Promise((done) => setImmediate(done))
  await new Promise((done) => setImmediate(done))
}
