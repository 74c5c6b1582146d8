/** What is in hand, for any order of taking, settling, answers and messages that come back behind our back. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Unsettled, UnsettledMessages } from './unsettled.ts'

const names = ['a', 'b', 'c']
type Step = { readonly verb: 'enter' | 'leave' | 'left'; readonly pick: number }
const step: fc.Arbitrary<Step> = fc.record({ verb: fc.constantFrom('enter', 'leave', 'left'), pick: fc.nat(5) })

test('a message is in hand once, leaves once, and is known until Redis has answered for each that left', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const real = new UnsettledMessages<Unsettled>()
      const held = new Map<string, Unsettled>()
      const away: Unsettled[] = []
      for (const each of steps) {
        const name = names[each.pick % names.length] as string
        const message = held.get(name)
        if (each.verb === 'enter') {
          const fresh = { name }
          expect(real.enter(fresh)).toBe(message === undefined)
          if (message === undefined) held.set(name, fresh)
        } else if (each.verb === 'leave') {
          expect(real.leave(message ?? { name })).toBe(message !== undefined)
          if (message !== undefined) away.push(message)
          held.delete(name)
        } else {
          const gone = away.shift()
          if (gone !== undefined) real.left(gone)
        }
        expect(real.inHand()).toEqual([...held.values()])
        expect(real.size).toBe(held.size)
        for (const known of names) expect(real.has(known)).toBe(held.has(known) || away.some((left) => left.name === known))
      }
    }),
  )
})
