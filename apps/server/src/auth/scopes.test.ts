/** Scopes: what covers what, as laws over any scopes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isScope, type Scopes, satisfies, scopesLine } from './scopes.ts'

const scope = fc.string({ unit: fc.constantFrom('a', 'b', ':', '*'), maxLength: 6 })
const scopes = fc.array(scope, { maxLength: 5 })

describe('a scope', () => {
  test.for([
    ['queue:claim-work:a/b', 'queue:claim-work:a/b', true],
    ['queue:claim-work:*', 'queue:claim-work:a/b', true],
    ['*', 'anything', true],
    ['queue:*', 'queue', false],
    ['queue:claim-work:a', 'queue:claim-work:a/b', false],
    ['queue:claim-work:a/b', 'queue:claim-work:*', false],
    ['queue:*', 'queue:claim-work:*', true],
    ['a*b', 'axb', false],
    ['', 'a', false],
    ['a**', 'a*', false],
    ['a**', 'a*b', true],
  ] as const)('%s covers %s: %s', ([owned, required, expected]) => {
    expect(satisfies([owned], required)).toBe(expected)
  })

  test('covers exactly the texts with its prefix', () => {
    fc.assert(
      fc.property(scope, scope, (prefix, text) => {
        fc.pre(!text.endsWith('*'))
        expect(satisfies([`${prefix}*`], text)).toBe(text.startsWith(prefix))
      }),
    )
  })

  test('given on stands for no more than what it was given from', () => {
    fc.assert(
      fc.property(scopes, scopes, scope, (owned, given, required) => {
        fc.pre(satisfies(owned, { AllOf: given }) && satisfies(given, required))
        expect(satisfies(owned, required)).toBe(true)
      }),
    )
  })

  test('is printable ASCII', () => {
    expect([isScope('a b'), isScope(''), isScope('ä'), isScope('a\n'), isScope(1)]).toEqual([true, true, false, false, false])
  })
})

describe('an expression', () => {
  test('of all and any is that of its parts', () => {
    fc.assert(
      fc.property(scopes, scopes, (owned, required) => {
        expect(satisfies(owned, { AllOf: required })).toBe(required.every((each) => satisfies(owned, each)))
        expect(satisfies(owned, { AnyOf: required })).toBe(required.some((each) => satisfies(owned, each)))
      }),
    )
  })

  test('nests', () => {
    const either: Scopes = { AnyOf: ['a', { AllOf: ['b', 'c'] }] }
    expect([['a'], ['b'], ['b', 'c'], []].map((owned) => satisfies(owned, either))).toEqual([true, false, true, false])
    expect(scopesLine(either)).toBe('a or (b and c)')
    expect(scopesLine({ AllOf: [{ AnyOf: ['a', 'b'] }] })).toBe('a or b')
  })
})
