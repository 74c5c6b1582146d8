/** The messages between the main thread and the database thread. */
import type { Call, Reply } from './batch.ts'
import type { ConnectionOptions } from './connection.ts'
import type { ErrorParts } from './sqlite-errors.ts'

/** What the database thread is started with. */
export interface ThreadOptions extends ConnectionOptions {
  readonly blockedLimitMs: number
}

/** To the database thread: calls made in one tick, the answer to a ping, or the end. */
export type ToThread = readonly Call[] | 'pong' | 'close'

/** To the main thread: whether the file could be opened, a ping, or the replies of one transaction. */
export type FromThread = 'opened' | 'ping' | { readonly refused: ErrorParts } | readonly Reply[]
