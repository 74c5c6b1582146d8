/** Signals of the Node process: the first stops the workers and then the process, the second ends it at once. */
import { constants } from 'node:os'
import process from 'node:process'
import type { ShutdownSignal } from './item-options.ts'

/** Listens to signals from now on. Those that are listened to already are left as they are. */
export interface SignalWatch {
  add(signals: readonly ShutdownSignal[]): void
  /** Gives all of them back to Node. */
  release(): void
}

/**
 * @param stop called once; answers whether all was done in the time given: then the process exits with 0, else as if the signal
 * had ended it (130 after SIGINT, 143 after SIGTERM)
 */
export function watchSignals(stop: () => Promise<boolean>): SignalWatch {
  const watched = new Map<ShutdownSignal, () => void>()
  let isStopping = false
  const onSignal = async (signal: ShutdownSignal): Promise<void> => {
    if (isStopping) process.exit(1)
    isStopping = true
    process.exit((await stop()) ? 0 : 128 + constants.signals[signal])
  }
  return {
    add(signals) {
      for (const signal of signals) {
        if (watched.has(signal)) continue
        const listener = () => void onSignal(signal)
        watched.set(signal, listener)
        process.on(signal, listener)
      }
    },
    release() {
      if (isStopping) return
      for (const [signal, listener] of watched) process.off(signal, listener)
      watched.clear()
    },
  }
}

/** Tells what went wrong when there is no worker left to tell it to. */
export function tellOperator(message: string): void {
  process.stderr.write(`${message}\n`)
}
