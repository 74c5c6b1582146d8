/** The memory liveness: holders of this process, which die only when a test says so. */
import { type Liveness, StoreError } from '@lovage/core'

export interface MemoryLiveness extends Liveness {
  /** Lets a holder look dead, as after kill -9: watchers hear of it and `lost` names it. False when it is not held. */
  drop(holder: string): boolean
}

/** Makes a liveness. A worker of this process cannot die without it, so nobody is lost but by `drop`. */
export function memoryLiveness(): MemoryLiveness {
  const held = new Set<string>()
  const gone = new Set<string>()
  const watchers = new Set<(holder: string) => void>()
  let starts = 0
  let open = true
  const letGo = (holder: string): boolean => {
    if (!held.delete(holder)) return false
    gone.add(holder)
    return true
  }
  const mustBeOpen = (what: string): void => {
    if (!open) throw new StoreError('STORE_CLOSED', `expected an open liveness to ${what}, got a closed one`)
  }
  return {
    async hold(worker) {
      mustBeOpen(`hold ${worker}`)
      const id = `${worker}#${++starts}`
      held.add(id)
      return {
        id,
        async release() {
          letGo(id)
        },
      }
    },
    async watch(onLost) {
      mustBeOpen('watch')
      // Its own function object, so that one listener can watch twice. Who is lost is asked again later, so a rejection is no loss.
      const watcher = (holder: string): void => void Promise.resolve(onLost(holder)).catch(() => {})
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    async lost(holders) {
      return holders.filter((holder) => gone.has(holder))
    },
    drop(holder) {
      if (!letGo(holder)) return false
      for (const watcher of watchers) {
        queueMicrotask(() => {
          if (watchers.has(watcher)) watcher(holder)
        })
      }
      return true
    },
    async close() {
      open = false
      watchers.clear()
      for (const holder of held) letGo(holder)
    },
  }
}
