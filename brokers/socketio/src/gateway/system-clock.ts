/** The platform's clock and timers. */
import { type Clock, timerClock } from '@lovage/core'

export const systemClock: Clock = timerClock({
  now: Date.now,
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
})
