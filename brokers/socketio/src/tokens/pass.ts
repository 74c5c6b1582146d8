/** A pass: what a worker that was let in may be and serve. */
import { shown } from '@lovage/core'
import type { Registration } from '../wire/registration.ts'

export interface Pass {
  /** Ids that the worker may have: exact, or with a `*` at the end for all that begin so. Of a whole Worker, on any host. */
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
export function forbids(pass: Pass, { id, queues, work }: Pick<Registration, 'id' | 'queues' | 'work'>): string | undefined {
  if (!covers(pass.ids, id) && (work === undefined || !covers(pass.ids, withoutHost(id)))) {
    return `expected an id that the token allows (${pass.ids.join(', ')}), got: ${shown(id)}`
  }
  const refusal = forbidsQueues(pass, queues)
  if (refusal === undefined) return undefined
  if (work !== undefined) return `${refusal}; name those to serve, for \`lovage worker\` by -Q`
  return queues.length === 1 && queues[0] === id ? `${refusal}, the queue of a worker that names none` : refusal
}

/** Why a worker may not serve these; undefined when it may. */
export function forbidsQueues(pass: Pass, queues: readonly string[]): string | undefined {
  const wrong = queues.filter((queue) => !covers(pass.queues, queue))
  if (wrong.length === 0) return undefined
  return `expected queues that the token allows (${pass.queues.join(', ')}), got: ${shown(wrong.length === 1 ? wrong[0] : wrong)}`
}

/** Of `name@host` the name: the host is what the worker says of itself. */
function withoutHost(id: string): string {
  const at = id.lastIndexOf('@')
  return at === -1 ? id : id.slice(0, at)
}
