import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Runtimes } from './runtimes.ts'

describe('runtimes', () => {
  it('are nothing at first', () => {
    expect(new Runtimes().summary()).toEqual({ count: 0, mean: 0, p50: 0, p95: 0, max: 0 })
  })

  it('have percentiles that are right to a tenth', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 200 }), (times) => {
        const runtimes = new Runtimes()
        for (const time of times) runtimes.add(time)
        const sorted = times.toSorted((a, b) => a - b)
        const exact = sorted[Math.ceil(times.length * 0.95) - 1] as number
        const { p95, max, count } = runtimes.summary()
        expect(Math.abs(p95 - exact)).toBeLessThanOrEqual(exact * 0.1 + 0.1)
        expect([max, count]).toEqual([Math.max(...times), times.length])
      }),
    )
  })

  it('count what took no time', () => {
    const runtimes = new Runtimes()
    for (const time of [0, 0, 0, 8]) runtimes.add(time)
    expect(runtimes.summary()).toMatchObject({ count: 4, mean: 2, p50: 0, max: 8 })
  })
})
