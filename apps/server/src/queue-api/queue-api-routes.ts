/** The HTTP queue: the contract of the Taskcluster queue over the tasks of this broker. */
import type { Logger } from '@lovage/core'
import type { Surroundings } from '../routes/surroundings.ts'
import { addEndpoints } from './endpoint.ts'
import { type Office, officeOf } from './office.ts'
import { runEndpoints } from './run-endpoints.ts'
import { serviceEndpoints } from './service-endpoints.ts'
import { taskEndpoints } from './task-endpoints.ts'
import { TaskGroups } from './task-groups.ts'
import { WorkerBook } from './worker-book.ts'

export interface QueueApiSettings {
  readonly logger: Logger
  /** How long a claim lasts without being reclaimed, in milliseconds. */
  readonly claimMs: number
}

/** Adds the addresses under `/api/queue/v1`; a broker that cannot hand work out has none of them. */
export function queueApiRoutes({ app, client, authority, closing }: Surroundings, { logger, claimMs }: QueueApiSettings): void {
  if (client.admin === undefined || client.desk === undefined) return
  const office: Office = officeOf({ client, authority, closing, logger, claimMs })
  const groups = new TaskGroups(office)
  const book = new WorkerBook(office.desk)
  addEndpoints({ app, prefix: '/api/queue/v1', tag: 'queue', logger }, [
    ...taskEndpoints(office, groups),
    ...runEndpoints(office, book),
    ...serviceEndpoints(office),
  ])
}
