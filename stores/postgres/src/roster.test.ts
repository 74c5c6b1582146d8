/** The ring: each has one who watches it, whoever comes and goes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Roster } from './roster.ts'

test('when all know the same members, each watches one other, and each is watched once', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(2 ** 32 - 1), { minLength: 2, maxLength: 20 }), (members) => {
      const watched = members.map((self) => {
        // Nobody is on its own roster.
        const roster = new Roster()
        for (const member of members) if (member !== self) roster.join(member, [])
        return roster.after(self)
      })
      expect([...watched].sort()).toEqual([...members].sort())
      expect(watched.every((member, index) => member !== members[index])).toBe(true)
    }),
  )
})

test('who is alone watches nobody', () => {
  expect(new Roster().after(1)).toBeUndefined()
})

test('a member that goes leaves what it held and did not release', () => {
  const roster = new Roster()
  roster.join(255, [1])
  roster.hold({ member: 255, number: 2 })
  roster.hold({ member: 255, number: 3 })
  roster.release({ member: 255, number: 2 })
  expect(roster.remove(255)).toEqual(['000000ff.1', '000000ff.3'])
  expect(roster.remove(255)).toEqual([])
})

test('what is seen replaces what was known, and who is missing is named with what it held', () => {
  const roster = new Roster()
  roster.join(1, [1])
  roster.join(2, [1, 2])
  const missing = roster.replace(new Map([[1, [1, 5]]]))
  expect(missing.members()).toEqual([2])
  expect(missing.holdersOf(2)).toEqual([1, 2])
  expect([roster.members(), roster.holdersOf(1)]).toEqual([[1], [1, 5]])
})
