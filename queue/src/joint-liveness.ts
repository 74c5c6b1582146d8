/** Two dead-man's switches for each holder: whichever notices first tells. */
import type { Liveness } from '@lovage/core'

/**
 * Joins a store's own liveness with another. A death that both notice is told twice, which does no harm: whoever is buried twice
 * has nothing left. `first` names the holders.
 */
export function jointLiveness(first: Liveness, second: Liveness): Liveness {
  return {
    async hold(worker, id) {
      const hold = await first.hold(worker, id)
      try {
        const other = await second.hold(worker, hold.id)
        return {
          id: hold.id,
          async release() {
            await Promise.all([hold.release(), other.release()])
          },
        }
      } catch (error) {
        await hold.release()
        throw error
      }
    },
    async watch(onLost) {
      const end = await first.watch(onLost)
      try {
        const endOther = await second.watch(onLost)
        return () => {
          end()
          endOther()
        }
      } catch (error) {
        end()
        throw error
      }
    },
    async lost(holders) {
      const known = new Set((await Promise.all([first.lost(holders), second.lost(holders)])).flat())
      return holders.filter((holder) => known.has(holder))
    },
    async close() {
      await Promise.all([first.close(), second.close()])
    },
  }
}
