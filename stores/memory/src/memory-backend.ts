/** The memory backend: a store, a signal and a liveness that live and end together. */
import type { Signal, Store } from '@lovage/core'
import { type MemoryLiveness, memoryLiveness } from './memory-liveness.ts'
import { memorySignal } from './memory-signal.ts'
import { memoryStore } from './memory-store.ts'

export interface MemoryBackend {
  readonly store: Store
  readonly signal: Signal
  readonly liveness: MemoryLiveness
  /** Closes the three. May be called twice. */
  close(): Promise<void>
}

/** Makes an empty backend. */
export function memoryBackend(): MemoryBackend {
  const store = memoryStore()
  const signal = memorySignal()
  const liveness = memoryLiveness()
  return {
    store,
    signal,
    liveness,
    async close() {
      await liveness.close()
      await signal.close()
      await store.close()
    },
  }
}
