/** Task states as the tables keep them: small numbers, because they are part of the conditions of most indexes. */
import type { TaskState } from '@lovage/core'

export const stateCodes = {
  blocked: 0,
  scheduled: 1,
  pending: 2,
  running: 3,
  exception: 4,
  failed: 5,
  completed: 6,
} as const satisfies Record<TaskState, number>

/** Codes from this one on are of resolved tasks, which stand in the history. */
export const firstResolvedCode = stateCodes.exception

const names = Object.keys(stateCodes) as TaskState[]

/** The state that a code stands for. */
export function stateOf(code: unknown): TaskState {
  return names[code as number] as TaskState
}
