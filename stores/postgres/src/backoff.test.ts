/** Attempts to connect become rarer, and never stop. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'

test('the first attempt is almost at once, later ones are rarer, and the rarest come every so often', () => {
  expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, 5000, 0))).toEqual([25, 50, 100, 200])
  fc.assert(
    fc.property(fc.nat(1000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const wait = backoffMs(attempt, 5000, random)
      expect(wait).toBeGreaterThan(0)
      expect(wait).toBeLessThanOrEqual(5000)
      expect(backoffMs(attempt + 1, 5000, random)).toBeGreaterThanOrEqual(wait)
    }),
  )
})
