/** Hawk: requests that are signed with a token instead of showing it, as stock clients of the HTTP queue do. */
/// <reference path="./hawk-package.d.ts" />
import { LovageError } from '@lovage/core'
import { crypto } from 'hawk'
import { type AccessClient, isSameSecret } from './access-client.ts'
import type { Caller } from './caller.ts'
import { type HawkHeader, parseHawkHeader } from './hawk-header.ts'
import type { Nonces } from './nonces.ts'
import { isScope, satisfies } from './scopes.ts'
import { issuerOf, type Limited, limitedBy } from './temporary-credentials.ts'

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

export interface HawkContext {
  /** A client by its id, the server's own issuer among them. */
  clientFor(clientId: string): Promise<AccessClient | undefined>
  /** Whether this client may sign requests itself, and not only certificates. */
  maySign(clientId: string): boolean
  readonly nonces: Nonces
  now(): number
  /** Milliseconds between the clock of a client and this one, either way. */
  readonly skewMs: number
}

interface Extension {
  readonly certificate?: unknown
  readonly authorizedScopes?: unknown
}

/** Says who signed a request. @param text what follows the word Hawk. @throws {LovageError} AUTHENTICATION_FAILED */
export async function hawkCaller(text: string, request: SignedRequest, context: HawkContext): Promise<Caller> {
  const header = parseHawkHeader(text)
  const { certificate, authorizedScopes } = extensionOf(header.ext)
  const isTemporary = certificate !== undefined && certificate !== null
  const issuerId = isTemporary ? issuerOf(certificate, header.id) : header.id
  const issuer = await context.clientFor(issuerId)
  if (issuer === undefined || !(isTemporary || context.maySign(issuerId)))
    throw failed(`expected a known client, got: ${issuerId}`)
  const limited = isTemporary ? limitedBy(certificate, header.id, issuer, context.now()) : issuer
  checkMac(header, request, limited)
  checkTime(header, limited, context)
  await checkHash(header, request)
  return { clientId: header.id, scheme: 'hawk', scopes: scopesOf(limited, authorizedScopes) }
}

function extensionOf(ext: string | undefined): Extension {
  if (ext === undefined || ext === '') return {}
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(ext, 'base64').toString('utf8'))
  } catch (cause) {
    throw failed('expected the ext of the Hawk header to be JSON in base64', cause)
  }
  if (typeof value === 'object' && value !== null) return value
  throw failed('expected the ext of the Hawk header to be a JSON object')
}

function checkMac(header: HawkHeader, { method, resource, origins }: SignedRequest, { accessToken }: Limited): void {
  const key = { key: accessToken, algorithm: 'sha256' as const }
  const isSigned = origins.some((origin) =>
    isSameSecret(header.mac, crypto.calculateMac('header', key, { ...header, ...origin, method, resource })),
  )
  if (isSigned) return
  const places = origins.map(({ host, port }) => `${host} port ${port}`).join(' or ')
  throw failed(`expected ${method} ${resource} at ${places} to be signed with the token of ${header.id}, got another signature`)
}

/** Comes after the signature: only who may call at all can fill the memory. */
function checkTime({ id, ts, nonce }: HawkHeader, { accessToken }: Limited, { nonces, now, skewMs }: HawkContext): void {
  const time = now()
  if (Math.abs(Number(ts) * 1000 - time) > skewMs) {
    const seconds = Math.floor(time / 1000)
    const tsm = crypto.calculateTsMac(seconds, { key: accessToken, algorithm: 'sha256' })
    throw new StaleError(
      `expected a request signed within ${skewMs / 1000} seconds of ${seconds}, got: ${ts}; set the clock of the client`,
      `Hawk ts="${seconds}", tsm="${tsm}", error="Stale timestamp"`,
    )
  }
  if (!nonces.take(id, nonce, Number(ts), Math.floor((time - skewMs) / 1000))) {
    throw failed('expected a request that is new, got one that was seen before or is older than can be told')
  }
}

async function checkHash({ hash }: HawkHeader, { body, contentType }: SignedRequest): Promise<void> {
  if (hash === undefined || hash === '') return
  const computed = crypto.calculatePayloadHash(await body(), 'sha256', contentType)
  if (!isSameSecret(hash, computed)) throw failed('expected the body that was signed, got another one')
}

function scopesOf({ scopes }: Limited, authorized: unknown): readonly string[] {
  if (authorized === undefined || authorized === null) return scopes
  if (!Array.isArray(authorized) || !authorized.every(isScope)) throw failed('expected authorizedScopes to be a list of scopes')
  if (!satisfies(scopes, { AllOf: authorized }))
    throw failed('expected authorizedScopes to be among those of the credentials, got more')
  return authorized
}

/** A signature of another time: the answer tells the right one, signed, so that the client can set its clock by it. */
export class StaleError extends LovageError {
  readonly challenge: string
  constructor(message: string, challenge: string) {
    super('AUTHENTICATION_FAILED', message)
    this.challenge = challenge
  }
}

function failed(message: string, cause?: unknown): LovageError {
  return new LovageError('AUTHENTICATION_FAILED', message, cause === undefined ? {} : { cause })
}
