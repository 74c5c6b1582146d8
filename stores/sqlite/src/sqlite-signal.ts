/** The signal beside the file: messages to listeners in this process and, over the mesh, in others. */
import { type Signal, StoreError } from '@lovage/core'
import type { Mesh } from './mesh.ts'

interface Subscription {
  readonly listener: (message: string) => void
  isLive: boolean
}

/** The listeners of this process. */
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

  add(channel: string, listener: (message: string) => void): Subscription {
    const subscription = { listener, isLive: true }
    const all = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, all.add(subscription))
    return subscription
  }

  /** True when it was the last of its channel. */
  remove(channel: string, subscription: Subscription): boolean {
    subscription.isLive = false
    const all = this.#channels.get(channel)
    return all?.delete(subscription) === true && all.size === 0 && this.#channels.delete(channel)
  }

  clear(): void {
    for (const all of this.#channels.values()) for (const subscription of all) subscription.isLive = false
    this.#channels.clear()
  }
}

/** Makes the signal on a mesh that delivers to these listeners. */
export function sqliteSignal(mesh: Mesh, local: LocalListeners): Signal {
  /** The first subscriber of a channel tells the peers; those that come meanwhile wait with it. */
  const told = new Map<string, Promise<void>>()
  const tellOnce = (channel: string): Promise<void> => {
    const known = told.get(channel)
    if (known !== undefined) return known
    mesh.channels.add(channel)
    const telling = mesh.start().then(() => mesh.tell('sub', channel))
    told.set(channel, telling)
    return telling
  }
  return {
    publish(channel, message) {
      if (mesh.isClosed) return
      local.deliver(channel, message)
      mesh.post(channel, message)
    },
    async subscribe(channel, listener) {
      if (mesh.isClosed)
        throw new StoreError('STORE_CLOSED', `expected an open signal to subscribe to ${channel}, got a closed one`)
      const subscription = local.add(channel, listener)
      const end = (): void => {
        if (!local.remove(channel, subscription)) return
        told.delete(channel)
        mesh.channels.delete(channel)
        void mesh.tell('unsub', channel)
      }
      try {
        await tellOnce(channel)
      } catch (error) {
        end()
        throw error
      }
      return end
    },
    heard: (channel) => local.has(channel) || mesh.isUncertain || mesh.hears(channel),
    async close() {
      local.clear()
      await mesh.close()
    },
  }
}
