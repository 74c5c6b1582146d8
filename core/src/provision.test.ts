/** How many workers a pool needs: what must hold for any load, and the estimate of Taskcluster that it contains. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  afterFailure,
  afterStay,
  freshStanding,
  isQuarantined,
  launchDelayMs,
  launchesAllowed,
  type PoolBounds,
  type PoolLoad,
  type PoolMember,
  quarantineAfter,
  wantedCapacity,
  withoutFailures,
  workersToLaunch,
  workersToStop,
} from './provision.ts'

const few = fc.nat(60)
const loads: fc.Arbitrary<PoolLoad> = fc.record({ pending: few, claimed: few, running: few, requested: few, stopping: few })
const bounds: fc.Arbitrary<PoolBounds> = fc
  .record({ min: fc.nat(20), more: fc.nat(40), ratio: fc.constantFrom(0.1, 0.2, 0.5, 1) })
  .map(({ min, more, ratio }) => ({ min, max: min + more, ratio }))
const capacities = fc.integer({ min: 1, max: 8 })

describe('launching', () => {
  test('never more than the most, nor where enough are there or on their way', () => {
    fc.assert(
      fc.property(loads, bounds, capacities, (load, limits, capacity) => {
        const count = workersToLaunch(load, limits, capacity)
        const present = load.running + load.requested + load.stopping
        expect(count).toBeGreaterThanOrEqual(0)
        if (count > 0) expect(present + count * capacity).toBeLessThanOrEqual(limits.max)
        const missing = wantedCapacity(load, limits) - load.running - load.requested
        if (missing <= 0) expect(count).toBe(0)
        else expect((count - 1) * capacity).toBeLessThan(missing)
      }),
    )
  })

  test('the least is launched beside workers that stop, where there is room', () => {
    fc.assert(
      fc.property(loads, bounds, (load, limits) => {
        const present = load.running + load.requested
        const room = limits.max - present - load.stopping
        const count = workersToLaunch(load, limits, 1)
        expect(count).toBeGreaterThanOrEqual(Math.min(Math.max(0, room), Math.max(0, limits.min - present)))
      }),
    )
  })

  test('at a ratio of 1 it is the estimate of Taskcluster, for workers that do not stop', () => {
    fc.assert(
      fc.property(loads, bounds, (load, { min, max }) => {
        const { pending, claimed, running: existing, requested } = load
        const idle = Math.max(0, existing - claimed)
        const need = Math.max(0, pending - idle)
        const desired = Math.max(min, Math.min(need + existing, max))
        const spawn = Math.max(0, desired - existing - requested)
        const ours = workersToLaunch({ ...load, stopping: 0 }, { min, max, ratio: 1 }, 1)
        // Theirs may go over the most when more is there than that.
        expect(ours).toBe(Math.max(0, Math.min(spawn, max - existing - requested)))
      }),
    )
  })

  test('it comes to rest: when all that was launched runs, nothing more is launched', () => {
    fc.assert(
      fc.property(fc.nat(200), bounds, capacities, (tasks, limits, capacity) => {
        let running = 0
        for (let look = 0; look < 50; look++) {
          const claimed = Math.min(tasks, running)
          const load = { pending: tasks - claimed, claimed, running, requested: 0, stopping: 0 }
          const count = workersToLaunch(load, limits, capacity)
          if (count === 0) break
          running += count * capacity
        }
        const wanted = Math.min(limits.max, Math.max(limits.min, Math.ceil(tasks * limits.ratio)))
        expect(running).toBeLessThan(wanted + capacity)
        expect(running + capacity > limits.max || running >= wanted).toBe(true)
      }),
    )
  })
})

const now = 1_000_000
const members: fc.Arbitrary<readonly PoolMember[]> = fc
  .array(fc.record({ capacity: capacities, age: fc.nat(1000), idle: fc.option(fc.nat(1000), { nil: undefined }) }), {
    maxLength: 12,
  })
  .map((all) =>
    all.map(({ capacity, age, idle }, index) => ({
      id: String(index),
      capacity,
      runningSince: now - age,
      idleSince: idle === undefined ? undefined : now - Math.min(idle, age),
    })),
  )
const limits = fc.record({
  idleMs: fc.option(fc.nat(1000), { nil: undefined }),
  lifetimeMs: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  rotating: fc.boolean(),
})
const work = fc.record({ pending: few, claimed: few })

describe('stopping', () => {
  test('each at most once, for a reason that is so', () => {
    fc.assert(
      fc.property(members, work, bounds, limits, (all, load, within, when) => {
        const orders = workersToStop(all, load, within, when, now)
        expect(new Set(orders.map(({ id }) => id)).size).toBe(orders.length)
        for (const { id, reason } of orders) {
          const member = all.find((one) => one.id === id) as PoolMember
          if (reason === 'idle') expect(now - (member.idleSince as number)).toBeGreaterThanOrEqual(when.idleMs as number)
          if (reason === 'max-lifetime') expect(now - member.runningSince).toBeGreaterThanOrEqual(when.lifetimeMs as number)
        }
        expect(orders.filter(({ reason }) => reason === 'max-lifetime').length).toBeLessThanOrEqual(when.rotating ? 0 : 1)
      }),
    )
  })

  test('what is left is within the most, and idle ones go only down to the least and what tasks ask for', () => {
    fc.assert(
      fc.property(members, work, bounds, limits, (all, load, within, when) => {
        const orders = workersToStop(all, load, within, when, now)
        const sum = (ids: readonly PoolMember[]) => ids.reduce((total, { capacity }) => total + capacity, 0)
        const stopped = (...reasons: readonly string[]) =>
          all.filter(({ id }) => orders.some((order) => order.id === id && reasons.includes(order.reason)))
        const left = sum(all) - sum(stopped('over-capacity', 'idle'))
        expect(left).toBeLessThanOrEqual(within.max)
        const claimed = Math.min(load.claimed, sum(all.filter(({ idleSince }) => idleSince === undefined)))
        const kept = Math.min(within.max, Math.max(within.min, Math.ceil((load.pending + claimed) * within.ratio)))
        if (stopped('idle').length > 0) expect(left).toBeGreaterThanOrEqual(kept)
      }),
    )
  })

  test('what workers of others run keeps no idle ones', () => {
    const idle: PoolMember = { id: 'idle', capacity: 1, runningSince: 1, idleSince: 1 }
    const orders = (pending: number) =>
      workersToStop([idle], { pending, claimed: 9 }, { min: 0, max: 4, ratio: 1 }, { idleMs: 10, rotating: false }, now)
    expect([orders(0), orders(1)]).toEqual([[{ id: 'idle', reason: 'idle' }], []])
  })

  test('idle ones before busy ones, and the oldest first', () => {
    const at = (id: string, runningSince: number, idleSince?: number): PoolMember => ({
      id,
      capacity: 1,
      runningSince,
      idleSince,
    })
    const all = [at('old', 1), at('idle', 3, 3), at('older-idle', 2, 2), at('new', 4)]
    const ids = (max: number) =>
      workersToStop(all, { pending: 9, claimed: 9 }, { min: 0, max, ratio: 1 }, { rotating: false }, now).map(({ id }) => id)
    expect([ids(4), ids(3), ids(2), ids(1)]).toEqual([[], ['older-idle'], ['older-idle', 'idle'], ['older-idle', 'idle', 'old']])
  })
})

describe('failing', () => {
  test('the first failure is answered at once, then ever later, never later than in five minutes', () => {
    expect([1, 2, 3, 4, 5, 8, 9, 10, 1000].map(launchDelayMs)).toEqual([
      ...[0, 1000, 5000, 10_000, 20_000],
      ...[160_000, 300_000, 300_000, 300_000],
    ])
    fc.assert(fc.property(fc.nat(100), (n) => launchDelayMs(n) <= launchDelayMs(n + 1)))
  })

  test('launches made before a failure was known count once together', () => {
    const first = afterFailure(freshStanding, 100, 'a', 200)
    expect(afterFailure(first, 150, 'b', 210)).toBe(first)
    expect(afterFailure(first, 201, 'b', 210)).toMatchObject({ failures: 2, reason: 'b', retryAt: 1210 })
  })

  test('only a worker launched after the last failure ends the row', () => {
    const failed = afterFailure(freshStanding, 100, 'a', 200)
    expect(afterStay(failed, 150)).toBe(failed)
    expect(afterStay(failed, 201)).toEqual(freshStanding)
  })

  test('in quarantine one at a time, and none before its time or while paused', () => {
    const standing = { ...freshStanding, failures: quarantineAfter, failedAt: 5, retryAt: 10, launched: 7 }
    expect(isQuarantined(standing)).toBe(true)
    expect(launchesAllowed(standing, 4, 0, 9)).toBe(0)
    expect(launchesAllowed(standing, 4, 0, 10)).toBe(1)
    expect(launchesAllowed(standing, 4, 1, 10)).toBe(0)
    expect(launchesAllowed(withoutFailures(standing), 4, 1, 9)).toBe(4)
    expect(launchesAllowed({ ...freshStanding, paused: true }, 4, 0, 10)).toBe(0)
    // A clock that is set back by hours does not make the wait longer.
    expect([
      launchesAllowed({ ...standing, retryAt: 300_010 }, 4, 0, 10),
      launchesAllowed({ ...standing, retryAt: 4e6 }, 4, 0, 10),
    ]).toEqual([0, 1])
    expect(withoutFailures(standing)).toEqual({ paused: false, failures: 0, launched: 7 })
  })
})
