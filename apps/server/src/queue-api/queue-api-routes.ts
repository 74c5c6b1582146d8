/** The HTTP queue: the contract of the Taskcluster queue over the tasks of this broker. */
import type { Logger } from '@lovage/core'
import type { Surroundings } from '../routes/surroundings.ts'
import { artifactEndpoints } from './artifact-endpoints.ts'
import { Artifacts } from './artifacts.ts'
import { addEarlyRoutes } from './early-routes.ts'
import { addEndpoints, type Endpoint } from './endpoint.ts'
import { groupEndpoints } from './group-endpoints.ts'
import { housekeeping } from './housekeeping.ts'
import type { Office } from './office.ts'
import { runEndpoints } from './run-endpoints.ts'
import { serviceEndpoints } from './service-endpoints.ts'
import { taskEndpoints } from './task-endpoints.ts'
import { TaskGroups } from './task-groups.ts'
import { taskQueueEndpoints } from './task-queue-endpoints.ts'
import { WorkerBook } from './worker-book.ts'
import { workerEndpoints } from './worker-endpoints.ts'

export interface QueueApiSettings {
  readonly logger: Logger
  /** How long a claim lasts without being reclaimed, in milliseconds. */
  readonly claimMs: number
}

/** Adds the addresses of the HTTP queue; a broker that cannot hand work out has none of them. */
export function queueApiRoutes({ app, client, authority, closing }: Surroundings, { logger, claimMs }: QueueApiSettings): void {
  const { admin, desk } = client
  if (admin === undefined || desk === undefined) return
  const office: Office = { client, admin, desk, authority, closing, logger, claimMs }
  const groups = new TaskGroups(office)
  const book = new WorkerBook(desk)
  const artifacts = new Artifacts(desk)
  const tidy = housekeeping(desk, logger, [() => groups.prune(), () => artifacts.prune()])
  const keeping = (endpoints: readonly Endpoint[]): readonly Endpoint[] => endpoints.map((each) => tidied(each, tidy))
  addEndpoints({ app, prefix: '/api/queue/v1', tag: 'queue', logger }, [
    ...keeping(taskEndpoints(office, groups)),
    ...groupEndpoints(office, groups),
    ...runEndpoints(office, book),
    ...keeping(artifactEndpoints(office, artifacts)),
    ...taskQueueEndpoints(office),
    ...workerEndpoints(office, book),
    ...serviceEndpoints(office),
  ])
  addEarlyRoutes(app, { office, book })
}

function tidied(each: Endpoint, tidy: () => void): Endpoint {
  if (!each.name.startsWith('create')) return each
  return {
    ...each,
    handle(call) {
      tidy()
      return each.handle(call)
    },
  }
}
