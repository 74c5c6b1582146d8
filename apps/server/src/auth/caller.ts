/** Callers: who makes a request, and what they may do. */
import { LovageError } from '@lovage/core'
import { type Scopes, satisfies, scopesLine } from './scopes.ts'

export interface Caller {
  /** Undefined: nobody said who they are. */
  readonly clientId: string | undefined
  readonly scheme: 'anonymous' | 'bearer' | 'hawk'
  readonly scopes: readonly string[]
}

/** @throws {LovageError} SCOPES_INSUFFICIENT */
export function checkScopes(caller: Caller, required: Scopes): void {
  if (satisfies(caller.scopes, required)) return
  const who = caller.clientId === undefined ? 'someone who gave no credentials' : `client ${caller.clientId}`
  const message = `expected the scope ${scopesLine(required)}, which ${who} does not have`
  throw new LovageError('SCOPES_INSUFFICIENT', message, { subject: caller.clientId ?? 'anonymous' })
}
