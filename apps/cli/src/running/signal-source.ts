/** The signals of this process, each Ctrl-C once. */
import type { SignalSource } from '@lovage/worker'

/** Signals of one name that come closer together than this (milliseconds) are one. */
const echoMs = 200

/**
 * One Ctrl-C may arrive twice: from the terminal, and passed on by what started us (npm, the launcher for old Node).
 * Taken for two it would abort the handlers that the first one lets finish.
 */
export function signalSource(source: SignalSource, now: () => number = () => performance.now()): SignalSource {
  const wrapped: { readonly signal: string; readonly listener: () => void; readonly once: () => void }[] = []
  return {
    on(signal, listener) {
      let last = Number.NEGATIVE_INFINITY
      const once = () => {
        const isEcho = now() - last < echoMs
        last = now()
        if (!isEcho) listener()
      }
      wrapped.push({ signal, listener, once })
      source.on(signal, once)
    },
    off(signal, listener) {
      const own = wrapped.find((one) => one.signal === signal && one.listener === listener)
      source.off(signal, own?.once ?? listener)
    },
  }
}
