/** Where a task stands, as its sender sees it. */
import type { Failure, TaskState } from './task.ts'

/** Where a task stands, for its sender. */
export interface TaskResult {
  readonly id: string
  /** `unknown` where a broker has never heard of it or forgets what is over. */
  readonly state: TaskState | 'unknown'
  readonly name?: string | undefined
  readonly reason?: string | undefined
  /** Only when completed; undefined if it has expired. */
  readonly result?: unknown
  readonly failure?: Failure | undefined
  readonly progress?: unknown
  readonly resolvedAt?: number | undefined
}
