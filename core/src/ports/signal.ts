/** The Signal port: ephemeral messages that save someone a wait. */

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
  /** May be called twice. */
  close(): Promise<void>
}
