/** Claim times: how long a worker has a task without reclaiming it, by queue. */
import type { Office } from './office.ts'

/** As the worker pool of the queue's name has it, else as the server does; in milliseconds. */
export async function claimMsFor({ admin, claimMs }: Pick<Office, 'admin' | 'claimMs'>, queue: string): Promise<number> {
  const seconds = (await admin.pools.get(queue))?.config.lifecycle?.claimTimeout
  return seconds === undefined ? claimMs : seconds * 1000
}
