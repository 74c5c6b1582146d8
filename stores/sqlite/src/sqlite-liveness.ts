/** The dead-man's switch beside the file: the sockets of a process close with it, and its peers notice. */
import { type Liveness, StoreError } from '@lovage/core'
import type { Mesh } from './mesh.ts'

/** Those who want to know of lost holders. */
export type Watchers = Set<(holder: string) => void>

/** Makes the liveness on a mesh that calls these watchers. */
export function sqliteLiveness(mesh: Mesh, watchers: Watchers): Liveness {
  const join = async (what: string): Promise<void> => {
    if (mesh.isClosed) throw new StoreError('STORE_CLOSED', `expected an open liveness to ${what}, got a closed one`)
    await mesh.start()
  }
  return {
    async hold(worker) {
      await join(`hold ${worker}`)
      const id = await mesh.newHolder()
      mesh.holds.add(id)
      await mesh.tell('hold', id)
      return {
        id,
        async release() {
          if (mesh.holds.delete(id)) await mesh.tell('release', id)
        },
      }
    },
    async watch(onLost) {
      // Its own function object, so that one listener can watch twice. Who is lost is asked again later, so a rejection is no loss.
      const watcher = (holder: string): void => void Promise.resolve(onLost(holder)).catch(() => {})
      watchers.add(watcher)
      await join('watch')
      return () => void watchers.delete(watcher)
    },
    async lost(holders) {
      if (holders.length === 0) return []
      await join('ask who is lost')
      const peers = new Set(holders.map(peerOf))
      const gone = await Promise.all(
        [...peers].map((peer) =>
          mesh.lostOf(
            peer,
            holders.filter((id) => peerOf(id) === peer),
          ),
        ),
      )
      const known = new Set(gone.flat())
      return holders.filter((holder) => known.has(holder))
    },
    async close() {
      watchers.clear()
      await mesh.close()
    },
  }
}

function peerOf(holder: string): string {
  return holder.slice(0, Math.max(0, holder.indexOf('.')))
}
