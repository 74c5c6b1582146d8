/** Task states as the file keeps them. */
import type { TaskState } from '@lovage/core'

/**
 * Numbers, because they are part of most indexes: small ones make a settlement a fifth cheaper than words do. What most
 * tasks come to is the highest, so that history grows at the end of its index. They are part of the file's format.
 */
export const stateCodes = {
  blocked: 0,
  scheduled: 1,
  pending: 2,
  running: 3,
  exception: 4,
  failed: 5,
  completed: 6,
} as const satisfies Record<TaskState, number>

/** Codes below this one are of unresolved tasks. */
export const firstResolvedCode = stateCodes.exception

const names = Object.keys(stateCodes) as TaskState[]

/** The state that a code stands for. */
export function stateOf(code: unknown): TaskState {
  return names[code as number] as TaskState
}
