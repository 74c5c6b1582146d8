/** Whose the tasks of a claim are that several holders make in one call. */
import type { Claimant, ClaimRequest } from '@lovage/core'

/** Of so many tasks in the order of the line, who gets which. */
export function claimTurns(request: ClaimRequest, tasks: number): readonly Claimant[] {
  const turns: Claimant[] = []
  for (const one of [request, ...(request.others ?? [])]) {
    for (let left = Math.min(one.limit, tasks - turns.length); left > 0; left--) turns.push(one)
  }
  return turns
}

/** How many tasks a claim asks for. */
export function claimLimit({ limit, others = [] }: ClaimRequest): number {
  return others.reduce((sum, one) => sum + one.limit, limit)
}
