/** Temporary credentials: what a client may pass on of its own scopes, for a while, without asking the server. */
import { createHmac, randomUUID } from 'node:crypto'
import { LovageError } from '@lovage/core'
import { type AccessClient, isSameSecret } from './access-client.ts'
import { isScope, satisfies } from './scopes.ts'

/** @see https://docs.taskcluster.net/docs/manual/design/apis/hawk/temporary-credentials */
export interface Certificate {
  readonly version: 1
  readonly scopes: readonly string[]
  /** Epoch milliseconds. */
  readonly start: number
  /** Epoch milliseconds. */
  readonly expiry: number
  /** Two slugids. */
  readonly seed: string
  readonly signature: string
  /** The client that signed it, where the credentials have a name of their own. */
  readonly issuer?: string | undefined
}

/** As clients take them: the certificate as JSON text. */
export interface Credentials {
  readonly clientId: string
  readonly accessToken: string
  readonly certificate?: string | undefined
}

export interface TemporaryOptions {
  /** A name of their own. Default: the issuer's, and then the certificate names no issuer. */
  readonly clientId?: string | undefined
  readonly scopes: readonly string[]
  readonly start: number
  readonly expiry: number
}

/** What remains of a client by a certificate of its. */
export interface Limited {
  readonly accessToken: string
  readonly scopes: readonly string[]
}

/** Clocks of signers and servers may be so far apart, in milliseconds. */
const driftMs = 300_000
const longestMs = 31 * 86_400_000

/** A version 4 UUID as 22 characters. */
export function slugid(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')
}

/** Signs temporary credentials. Whether the issuer has the scopes is asked when they are used. */
export function temporaryCredentials(issuer: AccessClient, { clientId, scopes, start, expiry }: TemporaryOptions): Credentials {
  const seed = slugid() + slugid()
  const named = clientId === undefined ? {} : { issuer: issuer.clientId }
  const unsigned = { version: 1 as const, scopes, start, expiry, seed, ...named }
  const certificate = { ...unsigned, signature: signatureOf(unsigned, clientId ?? issuer.clientId, issuer.accessToken) }
  return {
    clientId: clientId ?? issuer.clientId,
    accessToken: temporaryKey(issuer.accessToken, seed),
    certificate: JSON.stringify(certificate),
  }
}

/** The client that must have signed a certificate, by its id. @throws {LovageError} AUTHENTICATION_FAILED */
export function issuerOf(certificate: unknown, clientId: string): string {
  const issuer = (certificate as { readonly issuer?: unknown } | null)?.issuer
  if (issuer === undefined || issuer === null || issuer === '') return clientId
  if (typeof issuer !== 'string') throw failed('expected the certificate to name its issuer as a text')
  if (issuer === clientId) throw failed('expected the issuer of a certificate to differ from the clientId')
  return issuer
}

/**
 * Checks a certificate and derives what it stands for.
 * @param clientId whom the credentials name: the issuer itself, or the name that it gave them
 * @throws {LovageError} AUTHENTICATION_FAILED
 */
export function limitedBy(certificate: unknown, clientId: string, issuer: AccessClient, now: number): Limited {
  const checked = checkShape(certificate)
  if (checked.start > now + driftMs) throw failed('expected a certificate that has begun, got one for later')
  if (checked.expiry < now - driftMs)
    throw failed('expected a certificate that has not expired, got one that has; get new credentials')
  if (checked.expiry - checked.start > longestMs) throw failed('expected a certificate for at most 31 days, got a longer one')
  if (issuer.clientId !== clientId && !satisfies(issuer.scopes, `auth:create-client:${clientId}`)) {
    throw failed(`expected the issuer ${issuer.clientId} to have the scope auth:create-client:${clientId}, which it does not`)
  }
  if (!isSameSecret(checked.signature, signatureOf(checked, clientId, issuer.accessToken))) {
    throw failed(`expected a certificate signed by ${issuer.clientId} for ${clientId}, got one with another signature`)
  }
  if (!satisfies(issuer.scopes, { AllOf: checked.scopes })) {
    throw failed(`expected a certificate with scopes that its issuer ${issuer.clientId} has, got more`)
  }
  return { accessToken: temporaryKey(issuer.accessToken, checked.seed), scopes: checked.scopes }
}

function checkShape(value: unknown): Certificate {
  if (typeof value !== 'object' || value === null) throw failed('expected the certificate to be a JSON object')
  const { version, scopes, start, expiry, seed, signature } = value as Record<string, unknown>
  if (version !== 1) throw failed('expected a certificate of version 1')
  if (!Array.isArray(scopes) || !scopes.every(isScope))
    throw failed('expected the scopes of the certificate to be a list of scopes')
  if (!Number.isFinite(start) || !Number.isFinite(expiry)) throw failed('expected start and expiry of the certificate as numbers')
  if (typeof seed !== 'string' || !/^[\w-]{44}$/.test(seed))
    throw failed('expected the seed of the certificate to be two slugids')
  if (typeof signature !== 'string') throw failed('expected the certificate to be signed')
  return value as Certificate
}

function signatureOf(certificate: Omit<Certificate, 'signature'>, clientId: string, key: string): string {
  const { version, issuer, seed, start, expiry, scopes } = certificate
  const named = issuer === undefined ? [] : [`clientId:${clientId}`, `issuer:${issuer}`]
  const lines = [`version:${version}`, ...named, `seed:${seed}`, `start:${start}`, `expiry:${expiry}`, 'scopes:', ...scopes]
  // Without scopes, too, there is a line for them.
  return createHmac('sha256', key)
    .update(scopes.length === 0 ? `${lines.join('\n')}\n` : lines.join('\n'))
    .digest('base64')
}

function temporaryKey(key: string, seed: string): string {
  return createHmac('sha256', key).update(seed).digest('base64url')
}

function failed(message: string): LovageError {
  return new LovageError('AUTHENTICATION_FAILED', message)
}
