/** Lets the signals of a process stop a worker. */
import type { StopOptions } from './module.ts'

/** The part of `process` that is used. */
export interface SignalSource {
  on(signal: string, listener: () => void): unknown
  off(signal: string, listener: () => void): unknown
}

/** The part of a worker that is used. */
export interface Stoppable {
  stop(options?: StopOptions): Promise<void>
}

/**
 * SIGTERM, SIGHUP (the terminal was closed) and the first SIGINT stop warm; a second SIGINT, and SIGQUIT at any time, stop cold. The answer takes the
 * listeners away.
 */
export function handleSignals(worker: Stoppable, source: SignalSource): () => void {
  let interrupted = false
  const warm = () => void worker.stop()
  const cold = () => void worker.stop({ cold: true })
  const interrupt = () => {
    if (interrupted) cold()
    else warm()
    interrupted = true
  }
  const listeners = [
    ['SIGTERM', warm],
    ['SIGHUP', warm],
    ['SIGINT', interrupt],
    ['SIGQUIT', cold],
  ] as const
  for (const [signal, listener] of listeners) source.on(signal, listener)
  return () => {
    for (const [signal, listener] of listeners) source.off(signal, listener)
  }
}
