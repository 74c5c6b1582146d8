/** A member of a Celery cluster: what every part of the broker stands on. */
import type { Clock, Logger } from '@lovage/core'
import type { ResultBackend } from './result-backend.ts'
import type { CelerySettings } from './settings/celery-settings.ts'
import type { PriorityScale } from './settings/priority.ts'
import type { Router } from './settings/router.ts'
import type { TaskPolicy } from './settings/task-policy.ts'
import type { HeldTasks } from './tasks/held-tasks.ts'
import type { Transport } from './transport.ts'

export interface Member {
  /** The broker's address; for people only without its password. */
  readonly url: string
  readonly transport: Transport
  /** Undefined: no results are kept and none can be had, as in Celery without a `result_backend`. */
  readonly results: ResultBackend | undefined
  readonly settings: CelerySettings
  readonly router: Router
  readonly policyOf: (task: string) => TaskPolicy
  readonly scale: PriorityScale
  readonly clock: Clock
  readonly newId: () => string
  readonly logger: Logger
  /** What a client calls itself in what it sends: `gen<pid>@<host>`. */
  readonly origin: string
  /** The name of this start in queues of its own. */
  readonly oid: string
  /** What the workers of this connection have in hand. */
  readonly held: HeldTasks
}
