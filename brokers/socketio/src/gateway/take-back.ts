/** Takes back what a worker has that does not come back, unless it has come back at another gateway. */
import type { DeskWatch } from '@lovage/core'
import { insist, type Surroundings } from './surroundings.ts'

/** Who is gone. */
export interface Gone {
  readonly id: string
  readonly holder: string
  readonly watch: DeskWatch | undefined
}

/** Resolves when what it had is elsewhere, or cannot be taken before the gateway closes: then its leases end. */
export async function takeBack(around: Surroundings, { id, holder, watch }: Gone): Promise<void> {
  const { desk, logger } = around
  const now = desk.now()
  try {
    const runs = await insist(around, `taking the tasks of worker ${id} back`, async () => {
      return (await watch?.isLatest()) === false ? [] : desk.lose(holder, now)
    })
    if (runs.length > 0) logger.warn({ worker: id }, `a worker is gone; ${runs.length} of its tasks go elsewhere`)
  } catch {
    // Told by `insist`.
  }
}
