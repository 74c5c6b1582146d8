/** The Clock port on the machine's clock and Node's timers. */
import { type Clock, timerClock } from '@lovage/core'

/** Timers do not keep the process alive. */
export const systemClock: Clock = timerClock({
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
})
