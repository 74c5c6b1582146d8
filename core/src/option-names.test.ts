/** Unknown options: always refused, whatever they are called, and known ones never. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkOptionNames } from './option-names.ts'

const known = { limit: true, maxDelay: true, constructor: true }

describe('checkOptionNames', () => {
  test('names the option, those that there are, and the nearest', () => {
    expect(() => checkOptionNames({ limt: 3 }, known, '`retry`')).toThrow(
      '[option invalid] expected an option of `retry` (limit, maxDelay, constructor), got: "limt"; did you mean `limit`?',
    )
    expect(() => checkOptionNames({ maxdelay: 1 }, known, 'x')).toThrow(/did you mean `maxDelay`\?$/)
    expect(() => checkOptionNames({ colour: 1 }, known, 'x')).toThrow(/got: "colour"$/)
  })

  test('does not list what nobody would read', () => {
    const many = Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`option${n}`, true]))
    expect(() => checkOptionNames({ optoin30: 1 }, many, 'x')).toThrow(
      '[option invalid] expected an option of x (there are 31), got: "optoin30"; did you mean `option30`?',
    )
  })

  test('refuses it without a value too, and what is no object', () => {
    expect(() => checkOptionNames({ limt: undefined }, known, 'x')).toThrow(/got: "limt"/)
    for (const value of [undefined, null, 3, 'limit', [], ['limit']]) {
      expect(() => checkOptionNames(value as never, known, 'a worker')).toThrow(
        /expected the options of a worker to be an object/,
      )
    }
  })

  test('goes by own names only', () => {
    expect(() => checkOptionNames(JSON.parse('{"__proto__": 1}'), known, 'x')).toThrow(/got: "__proto__"/)
    expect(() => checkOptionNames({ toString: 1 }, known, 'x')).toThrow(/got: "toString"/)
    expect(() => checkOptionNames(Object.create({ inherited: 1 }), known, 'x')).not.toThrow()
    expect(() => checkOptionNames({ [Symbol('own')]: 1 }, known, 'x')).not.toThrow()
  })

  test('takes every subset of the known and refuses everything else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...Object.keys(known)), fc.string()), fc.anything()), (options) => {
        const check = () => checkOptionNames(options, known, 'x')
        if (Object.keys(options).every((name) => Object.keys(known).includes(name))) expect(check).not.toThrow()
        else expect(check).toThrow('[option invalid]')
      }),
    )
  })
})
