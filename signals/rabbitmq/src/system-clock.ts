/** The Clock port on the machine's clock and Node's timers, for waits of hours at the most. */
import type { Clock } from '@lovage/core'

/** Timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  at(time, callback) {
    const timer = setTimeout(callback, Math.max(0, time - Date.now()))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
