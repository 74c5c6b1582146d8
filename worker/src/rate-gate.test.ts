import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RateGate } from './rate-gate.ts'

describe('a rate gate', () => {
  it('lets runs through evenly and saves nothing up', () => {
    const gate = new RateGate({ count: 2, perMs: 1000 })
    expect([gate.pass(0), gate.pass(0), gate.nextAt]).toEqual([true, false, 500])
    expect([gate.pass(10_000), gate.pass(10_000), gate.pass(10_500)]).toEqual([true, false, true])
  })

  it('sends each run away until a turn of its own, behind those before it', () => {
    const gate = new RateGate({ count: 2, perMs: 1000 })
    expect([gate.sendAway(0, 10), gate.sendAway(100, 10), gate.sendAway(100, 100)]).toEqual([5500, 5900, 50_500])
  })

  it('keeps fast rates although the clock counts whole milliseconds', () => {
    const gate = new RateGate({ count: 10_000, perMs: 1000 })
    let passed = 0
    for (let now = 0; now < 1000; now++) while (gate.pass(now)) passed++
    expect(passed).toBeGreaterThan(9_900)
    expect(passed).toBeLessThan(10_100)
  })

  it('never lets more through in a period than the limit, plus one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(100), { maxLength: 300 }), (count, gaps) => {
        const gate = new RateGate({ count, perMs: 1000 })
        const passes: number[] = []
        let now = 1_000_000
        for (const gap of gaps) {
          now += gap
          while (gate.pass(now)) passes.push(now)
        }
        for (const [index, from] of passes.entries()) {
          expect(passes.slice(index).filter((at) => at < from + 1000).length).toBeLessThanOrEqual(count + 1)
        }
      }),
    )
  })
})
