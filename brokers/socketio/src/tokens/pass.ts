/** A pass: what a worker that was let in may be and serve. */
import { shown } from '@lovage/core'
import type { Registration } from '../wire/registration.ts'

export interface Pass {
  /** Ids that the worker may have: exact, or with a `*` at the end for all that begin so. */
  readonly ids: readonly string[]
  /** Queues that it may serve, likewise. */
  readonly queues: readonly string[]
  /** Epoch milliseconds; then the worker is sent away. Undefined: it does not expire. */
  readonly expiresAt?: number | undefined
  /** Of the token that it was given for, so that its revocation sends the worker away, and operators see it. */
  readonly token?: string | undefined
}

export const everything: Pass = { ids: ['*'], queues: ['*'] }

/** Whether one of the patterns stands for the name. */
export function covers(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern))
}

/** Why a worker may not register so; undefined when it may. */
export function forbids({ ids, queues }: Pass, registration: Pick<Registration, 'id' | 'queues'>): string | undefined {
  const { id } = registration
  if (!covers(ids, id)) return `expected an id that the token allows (${ids.join(', ')}), got: ${shown(id)}`
  const wrong = registration.queues.filter((queue) => !covers(queues, queue))
  if (wrong.length === 0) return undefined
  const got = wrong.length === 1 ? shown(wrong[0]) : shown(wrong)
  const hint = registration.queues.length === 1 && wrong[0] === id ? ', the queue of a worker that names none' : ''
  return `expected queues that the token allows (${queues.join(', ')}), got: ${got}${hint}`
}
