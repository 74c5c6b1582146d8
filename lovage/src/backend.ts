/** What a queue stands on, as the front door opens it. */
import type { Clock, Liveness, Signal, Store } from '@lovage/core'

/** What the queue stands on: a durable truth, wake-ups, and a dead-man's switch. */
export interface Backend {
  readonly store: Store
  readonly signal: Signal
  readonly liveness?: Liveness | undefined
  /** The time that all who share the store agree on; absent where they share a machine. */
  readonly clock?: Clock | undefined
  /** Closes all of them. May be called twice. */
  close(): Promise<void>
}
