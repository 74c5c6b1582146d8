/** Allowances: never more than so many at once and so many more as time goes by, and none for ever. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Allowance, Allowances, networkOf } from './allowance.ts'

test('at no time is more taken than there was, and all of that can be', () => {
  const most = 5
  // An eighth in each millisecond, so that sums are exact.
  const perSecond = 125
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 50 }), (waits) => {
      const allowance = new Allowance(most, perSecond, 0)
      let now = 0
      let left = most
      for (const wait of waits) {
        now += wait
        left = Math.min(most, left + wait / 8)
        expect(allowance.take(now)).toBe(left >= 1)
        if (left >= 1) left -= 1
      }
    }),
  )
})

test('a clock that is set back gives nothing', () => {
  const allowance = new Allowance(1, 1, 10_000)
  expect([allowance.take(10_000), allowance.take(5000), allowance.take(5999), allowance.take(6000)]).toEqual([
    ...[true, false, false, true],
  ])
})

test('each address has its own; those that have all of theirs are forgotten', () => {
  const allowances = new Allowances(1, 1)
  expect([allowances.take('192.0.2.1', 0), allowances.take('192.0.2.1', 0), allowances.take('192.0.2.2', 0)]).toEqual([
    ...[true, false, true],
  ])
  for (let i = 0; i < 5000; i++) allowances.take(`address ${i}`, i)
  expect(allowances.size).toBeLessThan(3000)
  // One that is remembered is one that has taken.
  expect(allowances.take('address 4999', 4999)).toBe(false)
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '::ffff:192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
