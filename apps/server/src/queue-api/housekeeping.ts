/** Housekeeping: what has expired is forgotten now and then, by whoever makes more of it. */
import type { Desk, Logger } from '@lovage/core'

const everyMs = 3_600_000

/** Answers a word to be said whenever something is kept that expires; most of the time it does nothing. */
export function housekeeping(desk: Desk, logger: Logger, chores: readonly (() => Promise<void>)[]): () => void {
  let doneAt = Number.NEGATIVE_INFINITY
  return () => {
    const now = desk.now()
    if (now - doneAt < everyMs) return
    doneAt = now
    Promise.all(chores.map((chore) => chore())).catch((error: unknown) => {
      logger.warn({ err: error }, 'what has expired could not be forgotten; it is tried again in an hour')
    })
  }
}
