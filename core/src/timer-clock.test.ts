/** Waits of any length, on timers that are short and inexact. */
import { expect, test } from 'vitest'
import { timerClock } from './timer-clock.ts'

const longest = 2 ** 31 - 1

/** Timers that end when the test says so, `early` milliseconds before their time. */
function platform(early = 0) {
  let now = 1000
  const asked: number[] = []
  let pending: { readonly ms: number; readonly callback: () => void } | undefined
  const clock = timerClock({
    now: () => now,
    after(ms, callback) {
      asked.push(ms)
      pending = { ms, callback }
      return () => {
        pending = undefined
      }
    },
  })
  const ring = (): void => {
    const due = pending
    pending = undefined
    now += Math.max(0, (due?.ms ?? 0) - (asked.length === 1 ? early : 0))
    due?.callback()
  }
  return { clock, asked, ring, now: () => now, isPending: () => pending !== undefined }
}

test('a wait longer than any timer is made of several', () => {
  const { clock, asked, ring, now } = platform()
  const rung: number[] = []
  clock.at(1000 + 2 * longest + 5, () => rung.push(now()))
  ring()
  ring()
  expect(rung).toEqual([])
  ring()
  expect(asked).toEqual([longest, longest, 5])
  expect(rung).toEqual([1000 + 2 * longest + 5])
})

test('a timer that ends early is waited for again, and a time that has passed comes at once', () => {
  const { clock, asked, ring, now } = platform(1)
  const rung: number[] = []
  clock.at(1010, () => rung.push(now()))
  ring()
  ring()
  expect([asked, rung]).toEqual([[10, 1], [1010]])
  clock.at(5, () => rung.push(now()))
  ring()
  expect([asked.at(-1), rung]).toEqual([0, [1010, 1010]])
})

test('what is cancelled does not come, whichever of its timers runs', () => {
  const { clock, ring, isPending } = platform()
  let rung = 0
  const cancel = clock.at(1000 + 2 * longest, () => rung++)
  ring()
  cancel()
  expect([isPending(), rung]).toEqual([false, 0])
})
