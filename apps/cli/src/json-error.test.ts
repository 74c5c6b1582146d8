/** The scanner agrees with the platform's parser on what JSON is, and points at what a person got wrong. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findJsonError } from './json-error.ts'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('what is JSON has no error', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      expect(findJsonError(JSON.stringify(value, undefined, space))).toBeUndefined()
    }),
  )
})

test('it agrees with JSON.parse on any text', () => {
  const piece = fc.constantFrom(...'{}[]:,"\\ \n0123.eE+-tfnua', 'true', 'false', 'null', '"a"', '\\u00', '1e5', '"a":')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      ),
      (text) => {
        expect(findJsonError(text) === undefined).toBe(isJson(text))
      },
    ),
    { numRuns: 2000 },
  )
})

test('a text cut short is wrong at its end', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, nat) => {
      const text = JSON.stringify(value)
      const cut = text.slice(0, 1 + (nat % (text.length - 1)))
      // A cut inside of `\u0041` is wrong where the digits end, which is the end as well.
      expect(findJsonError(cut)?.position).toBeGreaterThanOrEqual(cut.length - 5)
    }),
  )
})

test.each([
  ['{a:1}', 1, 'a name in double quotes or "}"'],
  ['{"a":x}', 5, 'a value'],
  ['{"a":1,}', 7, 'a name in double quotes'],
  ['{"a" 1}', 5, '":"'],
  ['{"a":1 "b":2}', 7, '"," or "}"'],
  ['[1,2', 4, '"," or "]"'],
  ['[1,]', 3, 'a value'],
  ['"a\nb"', 2, 'no line break or control character inside a text (write \\n)'],
  ['"abc', 4, 'a closing double quote'],
  ['"\\x"', 2, 'one of " \\ / b f n r t u after a backslash'],
  ['"\\u12g4"', 5, 'four hexadecimal digits after \\u'],
  ['-', 1, 'a digit'],
  ['1.', 2, 'a digit'],
  ['01', 1, 'the end of the text'],
  ['{} {}', 3, 'the end of the text'],
  ['', 0, 'a value'],
  ["{'a':1}", 1, 'a name in double quotes or "}"'],
])('%s is wrong at %d: expected %s', (text, position, expected) => {
  expect(findJsonError(text)).toEqual({ position, expected })
})

test('a text nested too deeply is refused before the stack is', () => {
  expect(findJsonError('['.repeat(100_000))).toEqual({ position: 1001, expected: 'at most 1000 levels' })
})
