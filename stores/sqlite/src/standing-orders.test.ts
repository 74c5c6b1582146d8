/** Standing orders: leases outlive a blocked event loop, and only that. */
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { claimRequest, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'
import { standingOrders } from './standing-orders.ts'

/** A thread whose clock is moved by hand, and a main thread that answers pings or does not. */
function bench(blockedLimitMs = 10_000) {
  let now = 0
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  const state = { isBlocked: false, isHolding: true }
  const renewed: number[] = []
  const pings: number[] = []
  const orders = standingOrders({
    blockedLimitMs,
    elapsed: () => now,
    later(delayMs, callback) {
      const timer = { at: now + delayMs, callback }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    ping() {
      pings.push(now)
      if (!state.isBlocked) orders.pong()
    },
    holdsAny: () => state.isHolding,
    renew: (_, until) => renewed.push(until),
  })
  const advance = (ms: number): void => {
    const end = now + ms
    for (;;) {
      const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      timers.delete(next)
      now = next.at
      next.callback()
    }
    now = end
  }
  return { orders, advance, state, renewed, pings, timers }
}

test('a main thread that speaks is neither asked nor helped', () => {
  const { orders, advance, renewed, pings } = bench()
  orders.word('h', 1300, 300)
  for (let at = 100; at <= 1000; at += 100) {
    advance(100)
    orders.word('h', 1300 + at, undefined)
  }
  expect([renewed, pings]).toEqual([[], []])
})

test('a main thread that is silent but answers is left alone', () => {
  const { orders, advance, renewed, pings } = bench()
  orders.word('h', 1300, 300)
  advance(3000)
  expect(renewed).toEqual([])
  expect(pings.length).toBeGreaterThan(2)
})

test('while it is blocked leases move on by the time that passes, up to the limit', () => {
  const { orders, advance, state, renewed, timers } = bench(1000)
  orders.word('h', 1300, 300)
  state.isBlocked = true
  advance(5000)
  expect(renewed).toEqual([1500, 1600, 1700, 1800, 1900, 2000, 2100, 2200, 2300])
  expect(timers.size).toBe(0)
})

test('a lease ends at a whole millisecond, whatever the clock of the thread says', () => {
  const { orders, advance, state, renewed } = bench(1000)
  advance(0.3)
  orders.word('h', 1300, 250)
  state.isBlocked = true
  advance(400)
  expect(renewed.length).toBeGreaterThan(0)
  expect(renewed.every(Number.isInteger)).toBe(true)
})

test('it stops when the loop is free again or nothing is held', () => {
  const free = bench()
  free.orders.word('h', 1300, 300)
  free.state.isBlocked = true
  free.advance(250)
  free.state.isBlocked = false
  free.orders.pong()
  free.advance(1000)
  expect(free.renewed).toEqual([1500])

  const idle = bench()
  idle.orders.word('h', 1300, 300)
  idle.state.isHolding = false
  idle.advance(1000)
  expect([idle.renewed, idle.pings, idle.timers.size]).toEqual([[], [], 0])
})

test('whatever happens, a lease never moves backwards and never beyond the lease from now', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ type: fc.constant('word' as const) }),
    fc.record({ type: fc.constant('block' as const), on: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { orders, advance, state, renewed } = bench()
      let [now, until] = [0, 0]
      for (const each of steps) {
        if (each.type === 'word') {
          until = now + 300
          orders.word('h', until, 300)
        } else if (each.type === 'block') {
          state.isBlocked = each.on
          if (!each.on) orders.pong()
        } else {
          advance(each.ms)
          now += each.ms
        }
        for (const moved of renewed.splice(0)) {
          expect(moved).toBeGreaterThanOrEqual(until)
          expect(moved).toBeLessThanOrEqual(now + 300)
          until = moved
        }
      }
    }),
  )
})

test('a process that blocks its loop for three leases keeps its tasks', async () => {
  const path = await scratchFile(onTestFinished)
  const store = await sqliteStore(path)
  await store.insert([newTask('kept'), newTask('control', { queue: 'other' })])
  const leaseMs = 400
  const worker = await backendProcess(onTestFinished, path)
  const now = Date.now()
  await worker.store.claim(claimRequest({ now, until: now + leaseMs }))
  // Claimed by this process, whose loop is free and which does not renew: the lease ends.
  await store.claim(claimRequest({ queues: ['other'], holder: 'free', now, until: now + leaseMs }))
  await worker.order('block', 3 * leaseMs)
  const end = Date.now()
  const [kept, control] = await store.get(['kept', 'control'])
  expect(kept?.takenUntil).toBeGreaterThan(end)
  expect((await store.sweep(end, 10)).overdue.map(({ id }) => id)).toEqual(['control'])
  expect(control?.takenUntil).toBe(now + leaseMs)
  await store.close()
})
