/** Positional arguments by name. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindParams } from './params.ts'

describe('bindParams', () => {
  test.each([
    [['a', 'b'], [1, 2], undefined, { a: 1, b: 2 }],
    [['a', 'b'], [1], { b: 2 }, { a: 1, b: 2 }],
    [['a', 'b'], [1], undefined, { a: 1 }],
    [['a'], undefined, { a: 1, more: 2 }, { a: 1, more: 2 }],
    [[], [], {}, {}],
    [['a'], [undefined], {}, { a: undefined }],
  ])('%j of %j and %j is %j', (params, args, kwargs, input) => {
    expect(bindParams(params, args, kwargs)).toEqual(input)
  })

  test('refuses more arguments than names', () => {
    expect(() => bindParams(['a', 'b'], [1, 2, 3])).toThrow(
      '[input invalid] expected at most 2 positional arguments (a, b), got: 3',
    )
    expect(() => bindParams([], [1])).toThrow('[input invalid] expected at most 0 positional arguments, got: 1')
  })

  test('refuses a name given twice', () => {
    expect(() => bindParams(['a', 'b'], [1], { a: 2 })).toThrow(
      '[input invalid] expected `a` by position or by name, got both, by name: 2',
    )
  })

  test('treats names of Object as any other', () => {
    expect(Object.entries(bindParams(['__proto__', 'constructor'], [1, 2]))).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ])
  })

  test('gives what a call with all arguments by name would give', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 6 })
    fc.assert(
      fc.property(names, fc.nat(6), (params, split) => {
        const values = params.map((name, index) => [name, index] as const)
        const args = values.slice(0, split).map(([, value]) => value)
        expect(bindParams(params, args, Object.fromEntries(values.slice(split)))).toEqual(Object.fromEntries(values))
      }),
    )
  })
})
