/** Who signs: a client, or what is left of one by a certificate, and for how much of it. */
/// <reference path="./hawk-package.d.ts" />
import { LovageError } from '@lovage/core'
import { crypto } from 'hawk'
import { type AccessClient, isSameSecret } from './access-client.ts'
import { isScope, satisfies } from './scopes.ts'
import { issuerOf, limitedBy } from './temporary-credentials.ts'

/** What was signed, as it reached the server. */
export interface SignedRequest {
  readonly method: string
  /** Path and query exactly as they came. */
  readonly resource: string
  /** Where the client may have sent it: its own view of the address, one of these. */
  readonly origins: readonly Origin[]
  readonly contentType: string
  body(): Promise<Uint8Array>
}

export interface Origin {
  readonly host: string
  readonly port: string
}

/** The clients that may sign. */
export interface Signers {
  /** A client by its id, the server's own issuer among them. */
  clientFor(clientId: string): Promise<AccessClient | undefined>
  /** Whether this client may sign requests itself, and not only certificates. */
  maySign(clientId: string): boolean
  now(): number
}

/** The key that must have signed a request, and what the request may do. */
export interface Signer {
  readonly accessToken: string
  readonly scopes: readonly string[]
}

interface Extension {
  readonly certificate?: unknown
  readonly authorizedScopes?: unknown
}

/** @param ext what the request says beyond its signature: JSON in base64. @throws {LovageError} AUTHENTICATION_FAILED */
export async function signerOf(id: string, ext: string | undefined, signers: Signers): Promise<Signer> {
  const { certificate, authorizedScopes } = extensionOf(ext)
  const isTemporary = certificate !== undefined && certificate !== null
  const issuerId = isTemporary ? issuerOf(certificate, id) : id
  const issuer = await signers.clientFor(issuerId)
  if (issuer === undefined || !(isTemporary || signers.maySign(issuerId))) {
    throw failed(`expected a known client, got: ${issuerId}`)
  }
  const { accessToken, scopes } = isTemporary ? limitedBy(certificate, id, issuer, signers.now()) : issuer
  return { accessToken, scopes: scopesOf(scopes, authorizedScopes) }
}

/** What was signed beside the request itself. */
export interface Signature {
  readonly id: string
  readonly ts: string
  readonly nonce: string
  readonly mac: string
  readonly hash?: string | undefined
  readonly ext?: string | undefined
  readonly app?: string | undefined
  readonly dlg?: string | undefined
}

/** @throws {LovageError} AUTHENTICATION_FAILED when another key signed, or another request was signed */
export function checkMac(type: 'header' | 'bewit', signature: Signature, request: SignedRequest, { accessToken }: Signer): void {
  const { method, resource, origins } = request
  const key = { key: accessToken, algorithm: 'sha256' as const }
  const isSigned = origins.some((origin) =>
    isSameSecret(signature.mac, crypto.calculateMac(type, key, { ...signature, ...origin, method, resource })),
  )
  if (isSigned) return
  const places = origins.map(({ host, port }) => `${host} port ${port}`).join(' or ')
  throw failed(
    `expected ${method} ${resource} at ${places} to be signed with the token of ${signature.id}, got another signature`,
  )
}

function extensionOf(ext: string | undefined): Extension {
  if (ext === undefined || ext === '') return {}
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(ext, 'base64').toString('utf8'))
  } catch (cause) {
    throw failed('expected the ext of the signature to be JSON in base64', cause)
  }
  if (typeof value === 'object' && value !== null) return value
  throw failed('expected the ext of the signature to be a JSON object')
}

function scopesOf(scopes: readonly string[], authorized: unknown): readonly string[] {
  if (authorized === undefined || authorized === null) return scopes
  if (!Array.isArray(authorized) || !authorized.every(isScope)) throw failed('expected authorizedScopes to be a list of scopes')
  if (!satisfies(scopes, { AllOf: authorized }))
    throw failed('expected authorizedScopes to be among those of the credentials, got more')
  return authorized
}

function failed(message: string, cause?: unknown): LovageError {
  return new LovageError('AUTHENTICATION_FAILED', message, cause === undefined ? {} : { cause })
}
