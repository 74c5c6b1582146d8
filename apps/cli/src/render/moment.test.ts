/** Times as a person reads them. */
import { expect, test } from 'vitest'
import { clockTime, moment, relativeTime, wholeDuration } from './moment.ts'

const now = Date.UTC(2027, 0, 31, 9, 0, 0)

test('the clock of a zone, over a change of summer time', () => {
  expect(clockTime(now, 'UTC')).toBe('2027-01-31 09:00:00')
  expect(clockTime(now, 'Asia/Kolkata')).toBe('2027-01-31 14:30:00')
  expect(clockTime(Date.UTC(2027, 2, 28, 0, 59, 59), 'Europe/Lisbon')).toBe('2027-03-28 00:59:59')
  expect(clockTime(Date.UTC(2027, 2, 28, 1, 0, 0), 'Europe/Lisbon')).toBe('2027-03-28 02:00:00')
})

test.each([
  [0, 'now'],
  [999, 'now'],
  [-999, 'now'],
  [12_400, 'in 12s'],
  [-200_000, '3m 20s ago'],
  [-90_061_000, '1d 1h ago'],
])('%d ms from now is %s', (distance, text) => {
  expect(relativeTime(now + distance, now)).toBe(text)
})

test('both, and lengths without fractions', () => {
  expect(moment(now - 60_000, now, 'UTC')).toBe('2027-01-31 08:59:00 (1m ago)')
  expect(wholeDuration(1600)).toBe('2s')
  expect(wholeDuration(16)).toBe('16ms')
})
