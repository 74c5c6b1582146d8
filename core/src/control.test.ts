/** Globs on worker names. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { controlMethods, inspectMethods, matchesPattern } from './control.ts'

describe('matchesPattern', () => {
  test.each([
    ['*', '', true],
    ['*', 'any@host', true],
    ['web-?@*', 'web-1@a', true],
    ['web-?@*', 'web-10@a', false],
    ['*@host', 'a@host', true],
    ['*@host', 'a@host2', false],
    ['', '', true],
    ['', 'a', false],
    ['a*b*c', 'aXbXbc', true],
    ['**', 'x', true],
    ['?', '', false],
    ['[ab]', 'a', false],
    ['a.c', 'abc', false],
    ['*', '*', true],
    ['?*', '*', true],
  ])('%j on %j: %s', (pattern, name, matches) => {
    expect(matchesPattern(pattern, name)).toBe(matches)
  })

  test('agrees with a regular expression', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '.', '*', '?'), { maxLength: 8 }).map((list) => list.join(''))
    fc.assert(
      fc.property(letters, letters, (pattern, name) => {
        const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')
        expect(matchesPattern(pattern, name)).toBe(new RegExp(`^${source}$`).test(name))
      }),
      { numRuns: 2000 },
    )
  })

  test('does not take exponential time', () => {
    expect(matchesPattern(`${'*a'.repeat(200)}b`, 'a'.repeat(2000))).toBe(false)
  })
})

test('a command either asks or changes', () => {
  expect(inspectMethods.filter((method) => (controlMethods as readonly string[]).includes(method))).toEqual([])
})
