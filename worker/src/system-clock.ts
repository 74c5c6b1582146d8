/** The system's clock, for whoever does not bring one; and the handle that keeps a process alive while it works. */
import type { CancelTimer, Clock } from '@lovage/core'

/** The longest time that a timer of the platform can wait, in milliseconds. */
const longestTimer = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  at: (time, callback) => arm(time, callback),
}

function arm(time: number, callback: () => void): CancelTimer {
  let timer: NodeJS.Timeout
  const wait = () => {
    const left = time - Date.now()
    timer = left > longestTimer ? setTimeout(wait, longestTimer) : setTimeout(callback, Math.max(0, left))
    timer.unref()
  }
  wait()
  return () => clearTimeout(timer)
}

/** Keeps the process from ending by itself (timers of a Clock do not) until the answer is called. */
export function holdProcess(): () => void {
  const handle = setInterval(() => {}, longestTimer)
  return () => clearInterval(handle)
}
