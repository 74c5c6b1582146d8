/** The database's time on this machine's timers: processes on machines whose clocks differ agree on when something is due. */
import type { Clock } from '@lovage/core'
import type { Query } from './database.ts'

/** setTimeout takes at most 2^31 - 1 milliseconds; longer waits are made of several. */
const longestTimer = 2_147_483_647

/** How often the clocks are compared: those of ordinary machines drift by some milliseconds in that time. */
const compareMs = 60_000

const time = { name: 'time', text: 'select (extract(epoch from clock_timestamp()) * 1000)::double precision' }

export interface DatabaseClock extends Clock {
  /** Compares no more. */
  stop(): void
}

/**
 * Makes a clock that shows the database's time; compares the two now and every minute. Where the database cannot be asked, it
 * goes on as it last was.
 */
export async function databaseClock(query: Query): Promise<DatabaseClock> {
  let offset = await offsetBy(query)
  const timer = setInterval(() => {
    offsetBy(query).then(
      (found) => {
        offset = found
      },
      () => {},
    )
  }, compareMs).unref()
  const now = (): number => Date.now() + offset
  return {
    now: () => Math.round(now()),
    at: (due, callback) => waitUntil(now, due, callback),
    stop: () => clearInterval(timer),
  }
}

/** By how much the database is ahead, seen from the middle of the way there and back (as in NTP, RFC 5905, 8). */
async function offsetBy(query: Query): Promise<number> {
  let sent = 0
  const [row] = await query(time, () => {
    sent = Date.now()
    return []
  })
  return Number(row?.[0]) - (sent + Date.now()) / 2
}

/** Timers do not keep the process alive. */
function waitUntil(now: () => number, due: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = (): void => {
    const left = due - now()
    timer = left > longestTimer ? setTimeout(wait, longestTimer) : setTimeout(fire, Math.max(0, Math.ceil(left)))
    timer.unref()
  }
  // A timer may fire a millisecond early by the wall clock, and the clock may have been set back.
  const fire = (): void => {
    if (Math.round(now()) < due) wait()
    else callback()
  }
  wait()
  return () => clearTimeout(timer)
}
