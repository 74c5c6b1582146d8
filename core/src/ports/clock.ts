/** The Clock port: the only source of time. */

/** Cancels what was scheduled; harmless when it has happened. */
export type CancelTimer = () => void

export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Calls back once at or after the time (epoch milliseconds; any distance). A pending timer does not keep a process alive. */
  at(time: number, callback: () => void): CancelTimer
}
