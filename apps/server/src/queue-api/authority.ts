/** The authority: who may call the HTTP queue, and what a worker gets to act for its task. */
import type { Context } from 'hono'
import type { Grant } from '../auth/issuer.ts'
import type { Scopes } from '../auth/scopes.ts'
import type { Credentials } from '../auth/temporary-credentials.ts'

export type { Credentials, Grant, Scopes }

export interface Authority {
  /**
   * Answers who calls, once they have the scopes.
   * @throws {LovageError} AUTHENTICATION_FAILED, SCOPES_INSUFFICIENT
   */
  authorize(context: Context, scopes: Scopes): Promise<{ readonly clientId: string | undefined }>
  /** Credentials for the worker that took a run, to end before the next claim does. */
  credentialsFor(grant: Grant): Promise<Credentials>
}
