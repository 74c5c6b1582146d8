/** The nearest word is what was meant, or nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearest } from './nearest.ts'

test.each([
  ['sned', 'send'],
  ['stauts', 'status'],
  ['--wiat', '--wait'],
  ['inspct', 'inspect'],
  ['sched', 'schedule'],
  ['WORKER', 'worker'],
  ['retires', 'retry'],
  ['xyzzy', undefined],
  ['send'.repeat(11), undefined],
  ['', undefined],
])('%s -> %s', (word, meant) => {
  expect(nearest(word, ['send', 'status', 'show', 'retry', 'inspect', 'schedule', 'worker', '--wait', '--timeout'])).toBe(meant)
})

test('distance is a metric in which one edit counts one', () => {
  const word = fc.string({ maxLength: 8 })
  fc.assert(
    fc.property(word, word, fc.nat(8), (a, b, at) => {
      expect(editDistance(a, a)).toBe(0)
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      expect(editDistance(a, `${a.slice(0, at)}x${a.slice(at)}`)).toBe(1)
    }),
  )
})
