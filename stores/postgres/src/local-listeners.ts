/** The listeners of this process. */

interface Subscription {
  readonly listener: (message: string) => void
  isLive: boolean
}

export class LocalListeners {
  readonly #channels = new Map<string, Set<Subscription>>()

  has(channel: string): boolean {
    return this.#channels.has(channel)
  }

  /** Delivers after the publisher's own step; a listener that throws neither stops the others nor goes unnoticed. */
  deliver(channel: string, message: string): void {
    for (const subscription of this.#channels.get(channel) ?? []) {
      queueMicrotask(() => {
        if (subscription.isLive) subscription.listener(message)
      })
    }
  }

  /** The answer takes it away again: true when it was the last of its channel. */
  add(channel: string, listener: (message: string) => void): () => boolean {
    const subscription = { listener, isLive: true }
    const all = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, all.add(subscription))
    return () => {
      subscription.isLive = false
      return all.delete(subscription) && all.size === 0 && this.#channels.get(channel) === all && this.#channels.delete(channel)
    }
  }

  clear(): void {
    for (const all of this.#channels.values()) for (const subscription of all) subscription.isLive = false
    this.#channels.clear()
  }
}
