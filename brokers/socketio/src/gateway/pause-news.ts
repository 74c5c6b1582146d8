/** News of pauses: which others begin and end, heard of at once, and looked up in case a word is lost. */
import type { Clock, EventBus, Logger } from '@lovage/core'
import { pauseChanged } from './pause-book.ts'

/** What the news are heard with, and who looks. */
export interface PauseHearing {
  readonly events: Pick<EventBus, 'capture'> | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Milliseconds between two looks. */
  readonly everyMs: number
  look(id?: string): Promise<void>
}

/** Begins to hear. The answer ends it. */
export function hearPauses({ events, clock, logger, everyMs, look }: PauseHearing): () => Promise<void> {
  const tryLook = (id?: string): void => {
    look(id).catch((error: unknown) => logger.warn({ err: error }, 'the pauses of workers could not be looked up'))
  }
  let cancel = clock.at(clock.now() + everyMs, again)
  function again(): void {
    tryLook()
    cancel = clock.at(clock.now() + everyMs, again)
  }
  const hearing = events
    ?.capture([pauseChanged], ({ id }) => tryLook(String(id)))
    .catch((error: unknown) => {
      logger.warn({ err: error }, 'pauses of workers are not heard of; they are looked up')
      return undefined
    })
  return async () => {
    cancel()
    await (await hearing)?.()
  }
}
