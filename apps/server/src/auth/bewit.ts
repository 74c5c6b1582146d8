/** Bewits: addresses that are signed for a while, for whoever can only follow a link. */
import { LovageError } from '@lovage/core'
import type { Caller } from './caller.ts'
import { checkMac, type SignedRequest, type Signers, signerOf } from './hawk-signer.ts'

/** Alone or among other parameters; what stands before and after it is what was signed. */
const pattern = /^([^?]*)\?(?:(.*?)&)?bewit=([\w-]*)(?:&(.*))?$/

/** Whether an address is signed. */
export function hasBewit({ method, resource }: Pick<SignedRequest, 'method' | 'resource'>): boolean {
  return (method === 'GET' || method === 'HEAD') && pattern.test(resource)
}

/**
 * Says who signed an address. It may be followed as often as one likes until it expires.
 * @see https://github.com/mozilla/hawk/blob/main/API.md#single-uri-authorization
 * @throws {LovageError} AUTHENTICATION_FAILED
 */
export async function bewitCaller(request: SignedRequest, signers: Signers): Promise<Caller> {
  const [, path = '', before, bewit = '', after] = pattern.exec(request.resource) ?? []
  const [id = '', ts = '', mac = '', ext = '', ...more] = Buffer.from(bewit, 'base64url').toString('utf8').split('\\')
  // Certificates are signed line by line: an id of several lines would stand for others.
  if (!/^[\x20-\x7e]+$/.test(id) || !/^\d{1,12}$/.test(ts) || mac === '' || more.length > 0) {
    throw failed('expected the bewit of the address to hold id, expiry, mac and ext')
  }
  const signer = await signerOf(id, ext, signers)
  const query = [before, after].filter((part) => part !== undefined && part !== '').join('&')
  const resource = query === '' ? path : `${path}?${query}`
  checkMac('bewit', { id, ts, nonce: '', mac, ext }, { ...request, method: 'GET', resource }, signer)
  if (Number(ts) * 1000 <= signers.now()) throw failed('expected a signed address that has not expired, got one that has')
  return { clientId: id, scheme: 'hawk', scopes: signer.scopes }
}

function failed(message: string): LovageError {
  return new LovageError('AUTHENTICATION_FAILED', message)
}
