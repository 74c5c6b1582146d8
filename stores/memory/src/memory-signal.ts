/** The memory signal: messages to listeners in this process. */
import { type Signal, StoreError } from '@lovage/core'

/** Makes a signal. Messages arrive after the publisher's own step, in the order of publishing. */
export function memorySignal(): Signal {
  const channels = new Map<string, Set<Subscription>>()
  let open = true
  return {
    publish(channel, message) {
      // One microtask per listener: a listener that throws neither stops the others nor goes unnoticed.
      for (const subscription of channels.get(channel) ?? []) {
        queueMicrotask(() => {
          if (subscription.live) subscription.listener(message)
        })
      }
    },
    async subscribe(channel, listener) {
      if (!open) throw new StoreError('STORE_CLOSED', `expected an open signal to subscribe to ${channel}, got a closed one`)
      const subscription: Subscription = { listener, live: true }
      const subscriptions = channels.get(channel) ?? new Set()
      channels.set(channel, subscriptions.add(subscription))
      return async () => {
        subscription.live = false
        subscriptions.delete(subscription)
        if (subscriptions.size === 0 && channels.get(channel) === subscriptions) channels.delete(channel)
      }
    },
    heard: (channel) => channels.has(channel),
    async close() {
      open = false
      for (const subscriptions of channels.values()) for (const subscription of subscriptions) subscription.live = false
      channels.clear()
    },
  }
}

interface Subscription {
  readonly listener: (message: string) => void
  live: boolean
}
