/** Each kind of value takes what it says and refuses the rest in one line. */
import { expect, test } from 'vitest'
import { duration, isoTime, jsonArray, nameList, oneOf, someOf, text, wholeNumber } from './option-values.ts'

test('values that are accepted', () => {
  expect(wholeNumber('--n', 0)('12')).toBe(12)
  expect(duration('--in')('1 hour 30 minutes')).toBe(5_400_000)
  expect(duration('--in')('0')).toBe(0)
  expect(nameList('--q')('a, b,,c')).toEqual(['a', 'b', 'c'])
  expect(nameList('--q')('c', ['a'])).toEqual(['a', 'c'])
  expect(oneOf('--p', ['a', 'b'])('b')).toBe('b')
  expect(someOf('--s', ['a', 'b'])('b,a')).toEqual(['b', 'a'])
  expect(jsonArray('--args')('[1,"two"]')).toEqual([1, 'two'])
  expect(isoTime('--at')('2027-01-31T09:00:00Z')).toBe(Date.UTC(2027, 0, 31, 9))
})

test.each([
  [() => wholeNumber('--n', 1, 9)('10'), 'expected --n to be a whole number from 1 to 9, got: 10'],
  [() => wholeNumber('--n', 0)('1.5'), 'expected --n to be a whole number from 0, got: 1.5'],
  [() => wholeNumber('--n', 0)(''), 'expected --n to be a whole number from 0, got: nothing'],
  [() => duration('--in')('7'), 'expected --in to have a unit, got: 7; write "7s", "7ms" or "7 minutes"'],
  [
    () => duration('--in')('soon'),
    'expected --in to be a duration such as "500ms", "10s", "2m", "7 days" or "1 hour 30 minutes", got: "soon"',
  ],
  [() => nameList('--q')(' , '), 'expected --q to be names separated by commas, got: " , "'],
  [() => oneOf('--p', ['high', 'low'])('hihg'), 'expected --p to be one of high, low, got: "hihg"; did you mean high?'],
  [() => someOf('--s', ['a'])('a,q'), 'expected --s to be one of a, got: "q"'],
  [() => jsonArray('--args')('{}'), `expected --args to be a JSON array such as '[1,"two"]', got: {}`],
  [
    () => isoTime('--at')('7 days'),
    'expected --at to be an ISO time such as "2027-01-31T09:00:00Z", got: "7 days"; for a length of time use --in',
  ],
  [() => isoTime('--at')('2027-13-31'), 'expected --at to be an ISO time'],
  [() => text('--id')(''), 'expected a value after --id, got: an empty text'],
])('refusal %#', (read, line) => {
  expect(read).toThrow(expect.objectContaining({ name: 'ConfigError', rawMessage: expect.stringContaining(line) }))
})
