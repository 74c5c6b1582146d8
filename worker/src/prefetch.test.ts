import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HandlerTime, mostPrefetched, nextPrefetch, Prefetch } from './prefetch.ts'

describe('the automatic prefetch', () => {
  it('is the concurrency for slow handlers and until something is known', () => {
    expect(nextPrefetch(10, 10, undefined)).toBe(10)
    expect(nextPrefetch(500, 10, 10_000)).toBe(10)
  })

  it('grows by doubling up to the most for instant handlers', () => {
    const steps: number[] = [10]
    while (steps.at(-1) !== mostPrefetched) steps.push(nextPrefetch(steps.at(-1) as number, 10, 0))
    expect(steps).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2000])
  })

  it('holds about 75 ms of work between', () => {
    expect(nextPrefetch(1000, 10, 25)).toBe(40)
  })

  it('never goes below the concurrency nor beyond the most', () => {
    const whole = fc.integer({ min: 1, max: 5000 })
    fc.assert(
      fc.property(whole, whole, fc.double({ min: 0, max: 1e7, noNaN: true }), (current, concurrency, mean) => {
        const next = nextPrefetch(current, concurrency, mean)
        expect(next).toBeGreaterThanOrEqual(concurrency)
        expect(next).toBeLessThanOrEqual(Math.max(concurrency, mostPrefetched))
      }),
    )
  })

  it('tells the consumer only what is worth it, held deliveries on top', () => {
    const told: number[] = []
    const prefetch = new Prefetch('auto', 10)
    prefetch.bind({ setPrefetch: (n) => told.push(n) })
    prefetch.tune(10, 100, 0)
    prefetch.tune(10, 25, 0)
    prefetch.tune(10, 25, 0)
    prefetch.tune(10, 24, 0)
    prefetch.tune(10, 24, 3)
    expect(told).toEqual([10, 20, 40, 43])
  })

  it('stays where it was set by hand', () => {
    const prefetch = new Prefetch(7, 10)
    prefetch.tune(10, 0, 0)
    expect([prefetch.told, prefetch.isDue()]).toEqual([7, false])
  })
})

describe('the handler time', () => {
  it('follows a change', () => {
    const time = new HandlerTime()
    expect(time.mean).toBeUndefined()
    time.add(100)
    expect(time.mean).toBe(100)
    for (let run = 0; run < 200; run++) time.add(0)
    expect(time.mean).toBeLessThan(5)
  })
})
