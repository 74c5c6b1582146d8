/** Points in time against the platform's own calendar. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { instantMs, isoTime, looksLikeInstant } from './instant.ts'

describe('instantMs', () => {
  test('reads every ISO text that a Date writes', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), (date) => {
        expect(instantMs(date.toISOString())).toBe(date.getTime())
        expect(instantMs(date)).toBe(date.getTime())
        expect(instantMs(date.getTime())).toBe(date.getTime())
        expect(instantMs(date.toISOString().slice(0, 10))).toBe(Date.parse(date.toISOString().slice(0, 10)))
      }),
    )
  })

  test.each([
    ['2027-01-31', '2027-01-31T00:00:00Z'],
    ['2027-01-31T09:00Z', '2027-01-31T09:00:00Z'],
    ['2027-01-31T09:00:00+02:00', '2027-01-31T07:00:00Z'],
    ['2027-01-31T09:00:00-0530', '2027-01-31T14:30:00Z'],
    ['2028-02-29T00:00:00.57Z', '2028-02-29T00:00:00.570Z'],
    ['2027-01-31T09:00:00.123456789Z', '2027-01-31T09:00:00.123Z'],
  ])('reads %s', (text, same) => {
    expect(instantMs(text)).toBe(Date.parse(same))
  })

  test.each([
    '',
    'now',
    '2027',
    '2027-1-1',
    '2027-00-10',
    '2027-13-01',
    '2027-02-29',
    '2100-02-29',
    '2027-04-31',
    '2027-01-32',
    '2027-01-31T24:00:00Z',
    '2027-01-31T09:60:00Z',
    '2027-01-31T09:00:61Z',
    '2027-01-31T09:00:00',
    '2027-01-31T09:00:00+25:00',
    '2027-01-31 09:00:00Z',
    '31.01.2027',
    '1969-12-31T23:59:59Z',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    8.64e15 + 1,
    new Date(Number.NaN),
    null,
    {},
    true,
  ] as string[])('refuses %j', (value) => {
    expect(() => instantMs(value, 'at')).toThrow('[option invalid] expected `at` to be a Date, epoch milliseconds or an ISO time')
  })
})

test('looksLikeInstant tells a date from a duration', () => {
  expect(['2027-01-31', '2027-x'].map(looksLikeInstant)).toEqual([true, true])
  expect(['10s', '2027', '7 days'].map(looksLikeInstant)).toEqual([false, false, false])
})

test('isoTime writes what a Date writes', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), (date) => {
      expect(isoTime(date.getTime())).toBe(date.toJSON())
    }),
  )
})
