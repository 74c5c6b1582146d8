/** A Clock on the time and the timers of a platform: any distance, and never early by the clock that it tells. */
import type { CancelTimer, Clock } from './ports/clock.ts'

/** What a platform has: its time in epoch milliseconds, and timers that keep no process alive. */
export interface Timers {
  now(): number
  /** Calls back once after so many milliseconds, at most 2^31 - 1 of them. */
  after(ms: number, callback: () => void): CancelTimer
}

/** Platforms count the milliseconds of a timer in 32 bits: longer waits are made of several. */
const longest = 2 ** 31 - 1

/** Makes the clock. */
export function timerClock({ now, after }: Timers): Clock {
  return {
    now,
    at(time, callback) {
      let cancel: CancelTimer = () => {}
      const wait = (): void => {
        cancel = after(Math.min(longest, Math.max(0, Math.ceil(time - now()))), fire)
      }
      // A timer may end a millisecond early by the wall clock; what is due at a time must see that time.
      const fire = (): void => {
        if (now() < time) wait()
        else callback()
      }
      wait()
      return () => cancel()
    },
  }
}
