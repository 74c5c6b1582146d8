/** The SQLite backend: one file as the queue's store, and the processes that have it open as its signal and liveness. */
import type { Liveness, Signal, Store } from '@lovage/core'
import { Mesh } from './mesh.ts'
import { sqliteLiveness, type Watchers } from './sqlite-liveness.ts'
import type { SqliteOptions } from './sqlite-options.ts'
import { LocalListeners, sqliteSignal } from './sqlite-signal.ts'
import { sqliteStore } from './sqlite-store.ts'

export interface SqliteBackend {
  readonly store: Store
  readonly signal: Signal
  readonly liveness: Liveness
  /** Sends what is on its way, waits for calls under way and closes the three. May be called twice. */
  close(): Promise<void>
}

/**
 * Opens a file as a backend; creates and migrates it unless `migrate` is false. Signal and liveness are joined on first
 * use, so that a process that only reads or writes stays quick. An idle backend does not keep a process alive.
 * @throws {ConfigError} OPTION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 */
export async function sqliteBackend(path: string, options?: SqliteOptions): Promise<SqliteBackend> {
  const store = await sqliteStore(path, options)
  const { signal, liveness } = sqlitePeers(path)
  return {
    store,
    signal,
    liveness,
    async close() {
      await signal.close()
      await liveness.close()
      await store.close()
    },
  }
}

/** Makes signal and liveness beside a file that exists; the two share one mesh and close together. */
export function sqlitePeers(path: string): { readonly signal: Signal; readonly liveness: Liveness } {
  const listeners = new LocalListeners()
  const watchers: Watchers = new Set()
  const mesh = new Mesh(path, {
    message: (channel, text) => listeners.deliver(channel, text),
    lost(holder) {
      for (const watcher of watchers) queueMicrotask(() => watchers.has(watcher) && watcher(holder))
    },
  })
  return { signal: sqliteSignal(mesh, listeners), liveness: sqliteLiveness(mesh, watchers) }
}
