/** A store case: one thing that every store owes the queue, as data that any test runner or tool can run. */
import type { Store, StoreCapabilities } from '@lovage/core'

/** What a binding gives to one case: a database of its own, empty at first. */
export interface StoreTools {
  /**
   * Opens the case's database. Cases that need `shared` call it twice for two handles on the same data; all others have
   * one handle open at a time, so that a store that lives in its process may answer the same handle again.
   */
  open(): Promise<Store>
  /**
   * Ends every open handle as kill -9 would, without closing anything, calls under way included; `open` then gives what
   * is left. Only cases that need `durable` call it.
   */
  crash?(): Promise<void>
}

export interface StoreCase {
  /** `verb/what it promises`; unique. */
  readonly name: string
  /** The capabilities without which the case makes no sense. */
  readonly needs: readonly (keyof StoreCapabilities)[]
  /** Resolves when the store keeps the promise. @throws {BugError} BUG when it does not: what was expected and what came */
  run(tools: StoreTools): Promise<void>
}

/** Makes a case that works on one handle, opened before and closed after it. */
export function storeCase(
  name: string,
  run: (store: Store, tools: StoreTools) => Promise<void>,
  needs: StoreCase['needs'] = [],
): StoreCase {
  return {
    name,
    needs,
    async run(tools) {
      const store = await tools.open()
      try {
        await run(store, tools)
      } finally {
        await store.close()
      }
    },
  }
}
