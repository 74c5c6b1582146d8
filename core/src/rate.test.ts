/** Rate limits in Celery's notation. */
import { describe, expect, test } from 'vitest'
import { rateLimit } from './rate.ts'

describe('rateLimit', () => {
  test.each([
    [10, { count: 10, perMs: 1000 }],
    ['10', { count: 10, perMs: 1000 }],
    ['10/s', { count: 10, perMs: 1000 }],
    ['100/m', { count: 100, perMs: 60_000 }],
    ['1000/h', { count: 1000, perMs: 3_600_000 }],
    ['0.5/s', { count: 1, perMs: 2000 }],
    [2.5, { count: 1, perMs: 400 }],
    [0, undefined],
    ['0', undefined],
    ['0/m', undefined],
    [undefined, undefined],
  ])('reads %j as %j', (value, limit) => {
    expect(rateLimit(value)).toEqual(limit)
  })

  test.each([
    '',
    'fast',
    '10/d',
    '10 / s',
    '-1',
    '-1/s',
    '1e3/s',
    '10/s/s',
    'NaN',
    '/s',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    {},
  ] as string[])('refuses %j', (value) => {
    expect(() => rateLimit(value)).toThrow(
      '[option invalid] expected `rateLimit` to be runs per second such as 10, or a text such as "10/s", "100/m" or "1000/h", got: ',
    )
  })
})
