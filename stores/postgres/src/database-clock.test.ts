/** The clock shows the database's time, wherever this machine's own stands. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Query } from './database.ts'
import { databaseClock } from './database-clock.ts'

const start = Date.UTC(2026, 0, 1)
let ahead = 0
let wayMs = 10
/** A database that needs its time there and back. */
const query: Query = async (_, values) => {
  if (typeof values === 'function') values(0)
  if (wayMs > 0) await vi.advanceTimersByTimeAsync(wayMs)
  const told = Date.now() + ahead
  if (wayMs > 0) await vi.advanceTimersByTimeAsync(wayMs)
  return [[told]]
}

beforeEach(() => {
  vi.useFakeTimers({ now: start })
})
afterEach(() => vi.useRealTimers())

test.each([60_000, -60_000, 0])('a machine that is off by %i ms tells the time of the database', async (offset) => {
  ahead = offset
  const clock = await databaseClock(query)
  expect(clock.now()).toBe(Date.now() + offset)
  clock.stop()
})

test('timers fire at the time of the database, and never before', async () => {
  ahead = 60_000
  const clock = await databaseClock(query)
  const fired: number[] = []
  clock.at(clock.now() + 500, () => fired.push(clock.now()))
  const cancel = clock.at(clock.now() + 600, () => fired.push(0))
  cancel()
  await vi.advanceTimersByTimeAsync(499)
  expect(fired).toEqual([])
  await vi.advanceTimersByTimeAsync(200)
  expect(fired).toEqual([start + 20 + 60_000 + 500])
  clock.stop()
})

test('the clocks are compared again every minute', async () => {
  ahead = 0
  const clock = await databaseClock(query)
  ahead = 1000
  wayMs = 0
  await vi.advanceTimersByTimeAsync(61_000)
  expect(clock.now()).toBe(Date.now() + 1000)
  clock.stop()
})
