/** The Clock port on the machine's clock and Node's timers. */
import type { Clock } from '@lovage/core'

/** setTimeout takes at most 2^31 - 1 milliseconds; longer waits are made of several. */
const longestTimer = 2 ** 31 - 1

/** Timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  at(time, callback) {
    let timer: NodeJS.Timeout
    const wait = (): void => {
      const left = time - Date.now()
      timer = left > longestTimer ? setTimeout(wait, longestTimer) : setTimeout(fire, Math.max(0, Math.ceil(left)))
      timer.unref()
    }
    // A timer may fire a millisecond early by the wall clock; what is due at a time must see that time.
    const fire = (): void => {
      if (Date.now() < time) wait()
      else callback()
    }
    wait()
    return () => clearTimeout(timer)
  },
}
