/** Waits of a worker. Unlike those of a queue they keep the process alive: what waits has work to report or a server to find. */
import { type CancelTimer, timerClock } from '@lovage/core'

const clock = timerClock({
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
})

/** Calls back once, after any number of milliseconds. */
export function after(ms: number, callback: () => void): CancelTimer {
  return clock.at(clock.now() + ms, callback)
}

/** Waits for what happens, but no longer: true if it did. A rejection counts as happened. */
export function within(ms: number, happening: Promise<unknown>): Promise<boolean> {
  return new Promise((done) => {
    const cancel = after(ms, () => done(false))
    const happened = () => {
      cancel()
      done(true)
    }
    happening.then(happened, happened)
  })
}
