/** Temporary credentials: whatever the stock client signs is taken, and nothing that was changed afterwards. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTemporaryCredentials } from '../fixtures/stock-client.ts'
import { type Certificate, issuerOf, limitedBy, slugid, temporaryCredentials } from './temporary-credentials.ts'

const now = 1_800_000_000_000
const minute = 60_000
const issuer = { clientId: 'boss', accessToken: 'the-secret-of-the-boss-1234', scopes: ['*'] }
const scope = fc.string({ unit: fc.constantFrom('a', 'z', ':', '/', '-', ' ', '*', '"'), minLength: 1, maxLength: 20 })
const options = fc.record({
  scopes: fc.array(scope, { maxLength: 6 }),
  clientId: fc.option(fc.stringMatching(/^[\w/:.-]{5,30}$/), { nil: undefined }),
  start: fc.integer({ min: now - 1000 * minute, max: now }),
  expiry: fc.integer({ min: now, max: now + 1000 * minute }),
})
type Options = typeof options extends fc.Arbitrary<infer T> ? T : never

/** As the stock client signs. */
function stock({ start, expiry, clientId, ...rest }: Options) {
  const { certificate, ...credentials } = createTemporaryCredentials({
    ...rest,
    ...(clientId === undefined ? {} : { clientId }),
    start: new Date(start),
    expiry: new Date(expiry),
    credentials: { clientId: issuer.clientId, accessToken: issuer.accessToken },
  })
  return { ...credentials, certificate: JSON.parse(certificate) as Certificate }
}

describe('a certificate', () => {
  test('of the stock client gives its key and its scopes', () => {
    fc.assert(
      fc.property(options, (given) => {
        const { clientId, accessToken, certificate } = stock(given)
        expect(issuerOf(certificate, clientId)).toBe('boss')
        expect(limitedBy(certificate, clientId, issuer, now)).toEqual({ accessToken, scopes: given.scopes })
      }),
    )
  })

  test('of ours is taken like one of the stock client', () => {
    fc.assert(
      fc.property(options, (given) => {
        const { clientId, accessToken, certificate = '' } = temporaryCredentials(issuer, given)
        expect(limitedBy(JSON.parse(certificate), clientId, issuer, now)).toEqual({ accessToken, scopes: given.scopes })
      }),
    )
  })

  test('is refused when anything in it was changed', () => {
    const change = fc.oneof(
      fc.record({ scopes: fc.array(scope, { maxLength: 6 }) }),
      fc.record({ start: fc.integer({ min: now - 1000 * minute, max: now }) }),
      fc.record({ expiry: fc.integer({ min: now, max: now + 1000 * minute }) }),
      fc.record({ seed: fc.constant(slugid() + slugid()) }),
      fc.record({ signature: fc.base64String({ minLength: 44, maxLength: 44 }) }),
      fc.record({ issuer: fc.constantFrom('other', undefined) }),
    )
    fc.assert(
      fc.property(options, change, (given, changed) => {
        const { clientId, certificate } = stock(given)
        const forged = { ...certificate, ...changed }
        fc.pre(JSON.stringify(forged) !== JSON.stringify(certificate))
        expect(() => limitedBy(forged, clientId, issuer, now)).toThrow(/certificate/)
      }),
    )
  })

  test('stands for nobody else than whom it names', () => {
    const { certificate } = stock({ clientId: 'helper', scopes: ['a'], start: now, expiry: now + minute })
    expect(() => limitedBy(certificate, 'other', issuer, now)).toThrow(/signed by boss for other/)
    expect(() => limitedBy(certificate, 'helper', { ...issuer, accessToken: 'another-secret' }, now)).toThrow(/signed/)
  })

  test.for([
    ['a:b', true],
    ['a:*', true],
    ['a:c', false],
  ] as const)('gives no more than the issuer has: %s', ([owned, expected]) => {
    const { clientId, certificate } = stock({ clientId: undefined, scopes: ['a:b'], start: now, expiry: now + minute })
    const check = () => limitedBy(certificate, clientId, { ...issuer, scopes: [owned] }, now)
    if (expected) expect(check().scopes).toEqual(['a:b'])
    else expect(check).toThrow(/scopes that its issuer boss has/)
  })

  test('may give a name only when the issuer may', () => {
    const { clientId, certificate } = stock({ clientId: 'team/helper', scopes: ['a'], start: now, expiry: now + minute })
    const check = (scopes: string[]) => () => limitedBy(certificate, clientId, { ...issuer, scopes }, now)
    expect(check(['a'])).toThrow(/auth:create-client:team\/helper/)
    expect(check(['a', 'auth:create-client:team/*'])().scopes).toEqual(['a'])
  })

  test.for([
    ['begins within the drift of clocks', 4, 30, undefined],
    ['begins later', 6, 30, /has begun/],
    ['ended within the drift of clocks', -30, -4, undefined],
    ['ended before', -30, -6, /has not expired/],
  ] as const)('%s', ([, start, expiry, refusal]) => {
    const given = { clientId: undefined, scopes: ['a'], start: now + start * minute, expiry: now + expiry * minute }
    const { clientId, certificate = '' } = temporaryCredentials(issuer, given)
    const check = () => limitedBy(JSON.parse(certificate), clientId, issuer, now)
    if (refusal === undefined) expect(check().scopes).toEqual(['a'])
    else expect(check).toThrow(refusal)
  })

  test('lasts at most 31 days', () => {
    const given = { scopes: [], start: now, expiry: now + 32 * 24 * 60 * minute }
    const { certificate = '' } = temporaryCredentials(issuer, given)
    expect(() => limitedBy(JSON.parse(certificate), 'boss', issuer, now)).toThrow(/31 days/)
  })

  test.for([
    [null],
    ['text'],
    [{}],
    [{ version: 2 }],
    [{ version: 1, scopes: 'a' }],
    [{ version: 1, scopes: ['ä'] }],
    [{ version: 1, scopes: [], start: '1', expiry: 2 }],
    [{ version: 1, scopes: [], start: 1, expiry: 2, seed: 'short' }],
    [{ version: 1, scopes: [], start: 1, expiry: 2, seed: slugid() + slugid() }],
  ] as const)('is one: %o', ([value]) => {
    expect(() => limitedBy(value, 'boss', issuer, now)).toThrow(expect.objectContaining({ code: 'AUTHENTICATION_FAILED' }))
  })

  test('names an issuer that is someone else', () => {
    expect(() => issuerOf({ issuer: 'boss' }, 'boss')).toThrow(/differ/)
    expect(() => issuerOf({ issuer: 1 }, 'boss')).toThrow(/text/)
    expect(issuerOf({}, 'boss')).toBe('boss')
  })
})

test('a slugid is 22 characters of a version 4 UUID', () => {
  expect(slugid()).toMatch(/^[\w-]{8}[Q-T][\w-][CGKOSWaeimquy26-][\w-]{10}[AQgw]$/)
})
