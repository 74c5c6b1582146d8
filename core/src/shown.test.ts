/** Values in messages. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shown } from './shown.ts'

describe('shown', () => {
  test.each([
    ['a "b"', '"a \\"b\\""'],
    ['two\nlines', '"two\\nlines"'],
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    [null, 'null'],
    [10n, '10n'],
    [Symbol('s'), 'Symbol(s)'],
    [() => 1, 'a function'],
    [[1, { a: 2 }], '[1,{"a":2}]'],
    [{ toJSON: () => undefined }, '[object Object]'],
  ])('%o is %s', (value, text) => {
    expect(shown(value)).toBe(text)
  })

  test('cuts what is long and says how long it was', () => {
    expect(shown('x'.repeat(1000))).toBe(`"${'x'.repeat(119)}... (1002 characters)`)
  })

  test('never throws and stays on one line', () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    expect(shown(circle)).toBe('a value that cannot be written as JSON')
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(shown(value)).toMatch(/^.{1,150}$/)
      }),
    )
  })
})
