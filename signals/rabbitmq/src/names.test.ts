import fc from 'fast-check'
import { expect, test } from 'vitest'
import { channelKey, hintKey, Names } from './names.ts'

const names = new Names('x'.repeat(40))

test('whatever a channel, a queue or a task is called, its name on the broker fits and matches nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 300 }), (a, b) => {
      for (const made of [names.alive(a), names.hintsFor(a, [b]), channelKey(a), hintKey(a, b), hintKey(a)]) {
        expect(Buffer.byteLength(made)).toBeLessThanOrEqual(255)
        expect(made).not.toMatch(/[*#]/)
      }
      expect(channelKey(a) === channelKey(b)).toBe(a === b)
      expect(hintKey(a, b)).not.toBe(hintKey(a))
    }),
  )
})

test('workers that know the same tasks share their hints, in whatever order they name them', () => {
  expect(names.hintsFor('q', ['a', 'b'])).toBe(names.hintsFor('q', ['b', 'a']))
  expect(names.hintsFor('q', ['a', 'b'])).not.toBe(names.hintsFor('q', ['a']))
})
