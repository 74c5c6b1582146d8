/** From the id of a holder everybody tells the same lock. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holderId, holderLock, holderOf, isOfLife, newMember, unprovenId } from './member-id.ts'

const member = fc.nat(2 ** 32 - 1)
const number = fc.integer({ min: 1, max: 999_999_999 })

test('an id gives its holder back, and a lock of 64 bits whose halves are its parts', () => {
  fc.assert(
    fc.property(member, number, (member, number) => {
      const holder = { member, number }
      expect(holderOf(holderId(holder))).toEqual(holder)
      const bits = BigInt.asUintN(64, holderLock(holder))
      expect([Number(bits >> 32n), Number(bits & 0xffff_ffffn)]).toEqual([member, number])
      expect(holderLock(holder)).toBe(BigInt.asIntN(64, bits))
    }),
  )
})

test('what is no id of a holder with a lock has no holder', () => {
  for (const id of ['', 'unknown', '0123456.1', '01234567.0', '01234567.', '01234567.1.2', unprovenId(7)]) {
    expect(holderOf(id)).toBeUndefined()
  }
})

test('a member tells the life of the server in which it began', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 24 - 1), (random) => {
      const made = newMember('1700000000.5', random)
      expect(made).toBeLessThan(2 ** 32)
      expect(made % 2 ** 24).toBe(random)
      expect(isOfLife(made, '1700000000.5')).toBe(true)
      expect(isOfLife(made, '1700000123.25')).toBe(false)
    }),
  )
})
