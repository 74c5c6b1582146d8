/** The authority: who may call the HTTP queue, and what a worker gets to act for its task. Whoever builds the server brings one. */
import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'

/** What a call asks for: one scope, all of several, or any of several. */
export type Scopes = string | { readonly AllOf: readonly Scopes[] } | { readonly AnyOf: readonly Scopes[] }

/** Credentials as stock clients take them; the certificate is JSON text. */
export interface Credentials {
  readonly clientId: string
  readonly accessToken: string
  readonly certificate?: string | undefined
}

/** What credentials of a claim stand for. */
export interface Grant {
  readonly clientId: string
  readonly scopes: readonly string[]
  /** Epoch milliseconds. */
  readonly expires: number
}

export interface Authority {
  /**
   * Answers who calls, once they have the scopes.
   * @throws {LovageError} AUTHENTICATION_FAILED, SCOPES_INSUFFICIENT
   */
  authorize(context: Context, scopes: Scopes): Promise<{ readonly clientId: string | undefined }>
  /** Credentials for the worker that took a run, to end before the next claim does. */
  credentialsFor(grant: Grant): Promise<Credentials>
}

/**
 * Lets everybody in: a server that was given no credentials, and listens for this machine alone. What it hands to workers is shaped
 * like real credentials, for clients that want to sign with them, and stands for nothing.
 */
export const openAuthority: Authority = {
  authorize: async () => ({ clientId: undefined }),
  async credentialsFor({ clientId, scopes, expires }) {
    const certificate = { version: 1, scopes, start: Date.now(), expiry: expires, seed: slugid() + slugid(), signature: 'none' }
    return { clientId, accessToken: slugid(), certificate: JSON.stringify(certificate) }
  },
}

function slugid(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')
}
