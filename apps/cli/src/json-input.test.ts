/** Wrong JSON is answered in one line that shows where. */
import { expect, test } from 'vitest'
import { parseJson } from './json-input.ts'

test('JSON is parsed', () => {
  expect(parseJson(' {"a":[1,null]} ', 'INPUT')).toEqual({ a: [1, null] })
})

test.each([
  [
    '{a:1}',
    'expected INPUT to be JSON, got: { -->a:1} (character 2: expected a name in double quotes or "}", found "a"); in a shell',
  ],
  ['hello', `got:  -->hello (character 1: expected a value, found "h"); for a text write '"hello"'`],
  ['', 'expected INPUT to be JSON, got: nothing; write for example'],
  ['{"a":1', 'got: {"a":1 --> (character 7: expected "," or "}", found the end)'],
  ['{\n  "a": 1,\n  b: 2\n}', 'got: { "a": 1,  -->b: 2 } (line 3, column 3: expected a name in double quotes, found "b")'],
])('%j', (text, line) => {
  expect(() => parseJson(text, 'INPUT')).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', rawMessage: expect.stringContaining(line) }),
  )
})

test('of a long text only the neighbourhood is shown', () => {
  const text = `{"long":"${'x'.repeat(500)}",oops}`
  expect(() => parseJson(text, '--args')).toThrow(/got: …x+", -->oops} \(character 512: /)
})
