/** What ties a consumer to its broker. */
import type { Hold } from '@lovage/core'
import type { WorkerRegistry } from './worker-registry.ts'

/** Given once, when it is made. */
export interface ConsumerTies {
  readonly registry: WorkerRegistry
  /** The switch under which it claims. */
  readonly hold: Hold
  /** Called when it begins to close. */
  closing(): void
}
