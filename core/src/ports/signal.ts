/** The Signal port: ephemeral messages that save someone a wait. */
import type { Hints } from './hints.ts'
import type { TaskNews } from './task-news.ts'

export interface ChannelMessage {
  readonly channel: string
  readonly message: string
}

/**
 * Publishes texts to whoever listens now, in this process and in others. At most once: a lost message costs time, never
 * work. A publisher hears its own messages when it subscribes.
 */
export interface Signal {
  /** Never throws and never blocks; what cannot be delivered is dropped. */
  publish(channel: string, message: string): void
  /** Resolves when messages published from now on will arrive. The answer ends the subscription. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => void>
  /** Whether someone may be listening; false saves the work of building a message. */
  heard(channel: string): boolean
  /**
   * Publishes when a transaction of the caller's on the store's database is committed, and not otherwise; to this process as well.
   * Absent where that cannot be done: then others find what was done by their slow checks.
   * @throws {ConfigError} TRANSACTION_UNUSABLE
   */
  publishWithin?(transaction: object, messages: readonly ChannelMessage[]): Promise<void>
  /**
   * Calls the listener whenever messages arrive again after a time in which they may have been lost: look for yourself then.
   * Absent where they are never lost for a time, or nobody can tell. The answer ends it.
   */
  onBack?(listener: () => void): () => void
  /** The connection that it goes over, where that is not the store's; absent where it is. */
  readonly link?: Link | undefined
  /** Wakes one worker for a pending task; absent where all that listen are woken. */
  readonly hints?: Hints | undefined
  /** Absent where no other system is told of tasks. */
  readonly news?: TaskNews | undefined
  /** May be called twice. */
  close(): Promise<void>
}

/** A signal over a connection of its own, which may be lost while the store is well. */
export interface LinkedSignal extends Signal {
  readonly link: Link
}

/** Whether messages arrive at this time. */
export interface Link {
  readonly isUp: boolean
  /** Calls the listener when that changes; after a loss once everything is subscribed again. The answer ends it. */
  onChange(listener: (isUp: boolean) => void): () => void
}
