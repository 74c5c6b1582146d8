/** Priorities there and back. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lovagePriority, wirePriority } from './priority.ts'

const all = [7, 6, 5, 4, 3, 2, 1]

describe('priorities', () => {
  test('medium is what Celery has by default', () => {
    for (const smallIsUrgent of [true, false]) {
      expect(wirePriority(4, { smallIsUrgent, initial: undefined })).toBeUndefined()
      expect(wirePriority(4, { smallIsUrgent, initial: 5 })).toBe(5)
      expect(lovagePriority(undefined, { smallIsUrgent, initial: 5 })).toBe(4)
    }
  })

  test('on RabbitMQ a larger number is more urgent, on Redis a smaller one', () => {
    const initial = 5
    expect(all.map((priority) => wirePriority(priority, { smallIsUrgent: false, initial }))).toEqual([9, 8, 6, 5, 3, 2, 0])
    expect(all.map((priority) => wirePriority(priority, { smallIsUrgent: true, initial }))).toEqual([0, 2, 3, 5, 6, 8, 9])
    expect(all.map((priority) => wirePriority(priority, { smallIsUrgent: false, initial: undefined }))).toEqual([
      9,
      6,
      3,
      undefined,
      0,
      0,
      0,
    ])
  })

  test('stay in order and come back the same where there is room', () => {
    const scale = fc.record({
      smallIsUrgent: fc.boolean(),
      initial: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(scale, (given) => {
        const wire = all.map((priority) => wirePriority(priority, given) ?? 0)
        expect(wire).toEqual([...wire].sort((a, b) => (given.smallIsUrgent ? a - b : b - a)))
        for (const number of wire) expect(number).toBeGreaterThanOrEqual(0)
        for (const priority of all) {
          const back = lovagePriority(wirePriority(priority, given), given)
          const base = given.initial ?? 0
          if (base >= 3 && base <= 6) expect(back).toBe(priority)
          else expect(Math.sign(back - 4) * Math.sign(priority - 4)).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })
})
