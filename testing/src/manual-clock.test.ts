/** The manual clock: order of timers, the time they see, what goes on between them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { manualClock } from './manual-clock.ts'

test('fires timers in order of time, then of arming, each at its own time', async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(delays, fc.integer({ min: 0, max: 60 }), async (waits, until) => {
      const clock = manualClock(1000)
      const fired: [number, number][] = []
      for (const [index, wait] of waits.entries()) {
        clock.at(1000 + wait, () => {
          expect(clock.now()).toBe(1000 + wait)
          fired.push([wait, index])
        })
      }
      await clock.advance(until)
      const expected = waits.map((wait, index): [number, number] => [wait, index]).filter(([wait]) => wait <= until)
      expect(fired).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]))
      expect(clock.now()).toBe(1000 + until)
      expect(clock.pending).toBe(waits.length - fired.length)
    }),
    { numRuns: 40 },
  )
})

test('lets promises run between timers, so that what they arm still fires on the way', async () => {
  const clock = manualClock(0)
  const seen: number[] = []
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((wake) => clock.at(clock.now() + 10, wake))
      seen.push(clock.now())
    }
  }
  void loop()
  await clock.advance('1s')
  expect(seen).toEqual([10, 20, 30])
})

test('forgets a timer that is cancelled, and fires one whose time is over at once', async () => {
  const clock = manualClock(100)
  const seen: string[] = []
  const cancel = clock.at(110, () => seen.push('cancelled'))
  clock.at(5, () => seen.push(`late at ${clock.now()}`))
  cancel()
  cancel()
  await clock.advance(10)
  expect(seen).toEqual(['late at 100'])
})

test('refuses timers that arm each other at one time for ever', async () => {
  const clock = manualClock(0)
  const again = (): void => void clock.at(clock.now(), again)
  again()
  await expect(clock.advance(1)).rejects.toMatchObject({ code: 'BUG' })
})
