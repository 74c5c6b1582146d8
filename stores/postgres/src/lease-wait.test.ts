/** What a lease is lengthened by when its call had to wait. */
import { expect, test } from 'vitest'
import { leaseEnd } from './lease-wait.ts'

test('a lease that ends on a second does so still when it is moved, and is never shorter than it was asked for', () => {
  expect(leaseEnd(30_000, 499)).toBe(30_000)
  expect(leaseEnd(30_000, 500)).toBe(31_000)
  expect(leaseEnd(30_000, 2000.5)).toBe(33_000)
})
