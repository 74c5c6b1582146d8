/** Several connections seen as one: away while any of them is, told once. */
import type { LovageError } from '@lovage/core'
import type { LinkListener } from '../transport.ts'
import type { LinkWatch } from './amqp-link.ts'

export class LinkWatchers {
  readonly #listeners = new Set<LinkListener>()
  readonly #away = new Set<string>()

  add(listener: LinkListener): () => void {
    // The same one may be added twice.
    const own = { lost: (error: LovageError) => listener.lost(error), back: () => listener.back() }
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  isAway(name: string): boolean {
    return this.#away.has(name)
  }

  /** What a connection of this name tells. */
  watchOf(name: string): LinkWatch {
    return {
      lost: (error) => {
        const isFirst = this.#away.size === 0
        this.#away.add(name)
        if (isFirst) for (const listener of this.#listeners) listener.lost(error)
      },
      back: () => {
        this.#away.delete(name)
        if (this.#away.size === 0) for (const listener of this.#listeners) listener.back()
      },
    }
  }
}
