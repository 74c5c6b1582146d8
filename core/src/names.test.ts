/** Names, ids and keys: the borders of what is accepted. */
import { describe, expect, test } from 'vitest'
import { checkId, checkKey, checkName } from './names.ts'

describe('checkId', () => {
  test.each(['a', '!~', 'x'.repeat(200), '019a-uuid', 'AbC_-.:/'])('accepts %j', (id) => {
    expect(checkId(id)).toBe(id)
  })
  test.each(['', ' ', 'a b', 'ä', 'a\n', 'x'.repeat(201), 5, null, undefined] as string[])('refuses %j', (id) => {
    expect(() => checkId(id)).toThrow('[name invalid] expected `id` to be 1 to 200 visible ASCII characters, got: ')
  })
})

describe('checkName', () => {
  test.each(['images.resize', 'größe', '日本', 'celery@host', 'x'.repeat(200), '🙂'.repeat(200)])('accepts %j', (name) => {
    expect(checkName(name, 'task')).toBe(name)
  })
  test.each([
    '',
    'a b',
    'tab\t',
    'line\n',
    'a\u00a0b',
    'zero\u200bwidth',
    '\u0000',
    '\ud800',
    'x'.repeat(201),
    5,
    null,
  ] as string[])('refuses %j', (name) => {
    expect(() => checkName(name, 'queue')).toThrow(
      '[name invalid] expected the queue name to be 1 to 200 characters without spaces, got: ',
    )
  })
})

describe('checkKey', () => {
  test('accepts any text of 1 to 500 characters', () => {
    for (const key of [' ', 'user 1', 'x'.repeat(500)]) expect(checkKey(key)).toBe(key)
  })
  test.each(['', 'x'.repeat(501), 5, null] as string[])('refuses %j', (key) => {
    expect(() => checkKey(key)).toThrow('[name invalid] expected `key` to be a text of 1 to 500 characters, got: ')
  })
})
