/** Hawk: requests that are signed with a token instead of showing it, as stock clients of the HTTP queue do. */
/// <reference path="./hawk-package.d.ts" />
import { LovageError } from '@lovage/core'
import { crypto } from 'hawk'
import { isSameSecret } from './access-client.ts'
import type { Caller } from './caller.ts'
import { type HawkHeader, parseHawkHeader } from './hawk-header.ts'
import { checkMac, type SignedRequest, type Signer, type Signers, signerOf } from './hawk-signer.ts'
import type { Nonces } from './nonces.ts'

export interface HawkContext extends Signers {
  readonly nonces: Nonces
  /** Milliseconds between the clock of a client and this one, either way. */
  readonly skewMs: number
}

/** Says who signed a request. @param text what follows the word Hawk. @throws {LovageError} AUTHENTICATION_FAILED */
export async function hawkCaller(text: string, request: SignedRequest, context: HawkContext): Promise<Caller> {
  const header = parseHawkHeader(text)
  const signer = await signerOf(header.id, header.ext, context)
  checkMac('header', header, request, signer)
  checkTime(header, signer, context)
  await checkHash(header, request)
  return { clientId: header.id, scheme: 'hawk', scopes: signer.scopes }
}

/** Comes after the signature: only who may call at all can fill the memory. */
function checkTime({ id, ts, nonce }: HawkHeader, { accessToken }: Signer, { nonces, now, skewMs }: HawkContext): void {
  const time = now()
  const seconds = Math.floor(time / 1000)
  if (Math.abs(Number(ts) * 1000 - time) > skewMs) {
    const tsm = crypto.calculateTsMac(seconds, { key: accessToken, algorithm: 'sha256' })
    throw new StaleError(
      `expected a request signed within ${skewMs / 1000} seconds of ${seconds}, got: ${ts}; set the clock of the client`,
      `Hawk ts="${seconds}", tsm="${tsm}", error="Stale timestamp"`,
    )
  }
  if (!nonces.take(id, nonce, Number(ts), Math.floor((time - skewMs) / 1000), seconds)) {
    throw failed('expected a request that is new, got one that was seen before or is older, or further ahead, than can be told')
  }
}

async function checkHash({ hash }: HawkHeader, { body, contentType }: SignedRequest): Promise<void> {
  if (hash === undefined || hash === '') return
  const computed = crypto.calculatePayloadHash(await body(), 'sha256', contentType)
  if (!isSameSecret(hash, computed)) throw failed('expected the body that was signed, got another one')
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
