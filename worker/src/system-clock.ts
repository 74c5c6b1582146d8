/** The system's clock, for whoever does not bring one; and the handle that keeps a process alive while it works. */
import { type Clock, timerClock } from '@lovage/core'

export const systemClock: Clock = timerClock({
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
})

/** Keeps the process from ending by itself (timers of a Clock do not) until the answer is called. */
export function holdProcess(): () => void {
  const handle = setInterval(() => {}, 2 ** 31 - 1)
  return () => clearInterval(handle)
}
