/** Errors that a worker recovered from, each told at once, and those like it once in a while: an outage fails every task that is held. */
import type { Logger } from '@lovage/core'

/** For how long errors with the same message are only counted. */
const quietMs = 5_000

export interface RepeatedErrors {
  tell(error: Error): void
  /** Tells what was only counted so far. */
  end(): void
}

/** Makes the teller. Its timers do not keep the process alive. */
export function repeatedErrors(logger: Logger): RepeatedErrors {
  const known = new Map<string, { more: number; end(): void }>()
  return {
    tell(error) {
      const same = known.get(error.message)
      if (same !== undefined) {
        same.more++
        return
      }
      logger.error({ error }, 'recovered')
      const count = {
        more: 0,
        end() {
          clearTimeout(timer)
          known.delete(error.message)
          if (count.more > 0) logger.error({ error }, `recovered ${count.more} more times`)
        },
      }
      const timer = setTimeout(count.end, quietMs).unref()
      known.set(error.message, count)
    },
    end() {
      for (const count of [...known.values()]) count.end()
    },
  }
}
