/** Signals of the process, where there is one: the first stops the workers and then the process, the second ends it at once. */
import type { ShutdownSignal } from './item-options.ts'

/** Read and not imported: a page in a browser has none, and bundlers find nothing to replace. */
const { process } = globalThis as { process?: NodeJS.Process }
/** As POSIX numbers them. */
const numbers: Readonly<Record<ShutdownSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 }

/** Listens to signals from now on. Those that are listened to already are left as they are. In a browser there are none. */
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
    if (isStopping) process?.exit(1)
    isStopping = true
    const isInTime = await stop()
    process?.exit(isInTime ? 0 : 128 + numbers[signal])
  }
  return {
    add(signals) {
      for (const signal of signals) {
        if (watched.has(signal)) continue
        const listener = () => void onSignal(signal)
        watched.set(signal, listener)
        process?.on(signal, listener)
      }
    },
    release() {
      if (isStopping) return
      for (const [signal, listener] of watched) process?.off(signal, listener)
      watched.clear()
    },
  }
}

/** Tells what went wrong when there is no worker left to tell it to, at the end of a process. */
export function tellOperator(message: string): void {
  process?.stderr.write(`${message}\n`)
}
