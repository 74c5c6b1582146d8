/** The rule by which a resolved task frees or fails the tasks behind it. */
import type { OnDependencyFailure, Requires, ResolvedState } from './task.ts'

/** `satisfied`: one blocker less; `failed`: the dependent resolves as `dependency-failed`; `waiting`: it stays blocked. */
export type DependencyVerdict = 'satisfied' | 'failed' | 'waiting'

/** Decides what a dependency that ended in `state` means for a task behind it. Undefined options have their defaults. */
export function dependencyVerdict(
  state: ResolvedState,
  requires: Requires = 'all-completed',
  onDependencyFailure: OnDependencyFailure = 'resolve',
): DependencyVerdict {
  if (state === 'completed' || requires === 'all-resolved') return 'satisfied'
  return onDependencyFailure === 'wait' ? 'waiting' : 'failed'
}
