/** Schedules against a naive enumeration, and the bound on what a long downtime may cost. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Cron } from './ports/cron.ts'
import {
  checkSchedule,
  decideFiring,
  missedAfterMs,
  missedLimit,
  nextFiring,
  type Schedule,
  type ScheduleSpec,
} from './schedule.ts'

/** A toy cron: the expression is `N` (every N seconds) or `N/A-B` (those of them whose hour of the day is from A to B). */
function toyCron(): Cron & { calls: number } {
  return {
    calls: 0,
    next(expression, _zone, after) {
      this.calls++
      const [, step = '1', from = '0', to = '24'] = /^(\d+)(?:\/(\d+)-(\d+))?$/.exec(expression) ?? []
      const every = Number(step) * 1000
      let at = (Math.floor(after / every) + 1) * every
      const day = 86_400_000
      const opens = Number(from) * 3_600_000
      if (at % day < opens) at += Math.ceil((opens - (at % day)) / every) * every
      if (at % day >= Number(to) * 3_600_000) at = at - (at % day) + day + opens
      return Math.ceil(at / every) * every
    },
  }
}

/** What the words say, by enumerating everything. */
function naive(schedule: Schedule, now: number, cron: Cron): readonly number[] {
  const all: number[] = []
  for (let at = schedule.nextAt; at !== undefined && at <= now; at = nextFiring(schedule, at, cron)) all.push(at)
  const missed = all.filter((at) => at < now - missedAfterMs)
  const onTime = all.filter((at) => at >= now - missedAfterMs)
  const { missed: policy = 'one' } = schedule
  return [...(policy === 'skip' ? [] : missed.slice(policy === 'one' ? -1 : -missedLimit)), ...onTime]
}

const specs = fc.oneof(
  fc.record({ everyMs: fc.integer({ min: 1000, max: 100_000 }) }),
  fc.record({ cron: fc.integer({ min: 1, max: 7200 }).map(String) }),
  fc.record({
    cron: fc
      .tuple(fc.integer({ min: 1, max: 600 }), fc.nat(11), fc.integer({ min: 12, max: 24 }))
      .map(([n, a, b]) => `${n}/${a}-${b}`),
  }),
)
const base = { name: 's', task: 't', paused: false }

describe('decideFiring', () => {
  test('does what an enumeration of all firings would do', () => {
    const missed = fc.constantFrom('skip' as const, 'one' as const, 'all' as const, undefined)
    const downtimes = fc.oneof(fc.nat(30_000), fc.nat(3_000_000), fc.nat(100_000_000))
    fc.assert(
      fc.property(specs, missed, fc.nat(1_000_000_000), downtimes, (spec, policy, start, downtime) => {
        const cron = toyCron()
        const nextAt = nextFiring({ ...base, ...spec }, start, cron)!
        const schedule = { ...base, ...spec, missed: policy, nextAt }
        const now = nextAt + downtime
        const firing = decideFiring(schedule, now, cron)
        expect(firing.times).toEqual(naive(schedule, now, cron))
        expect(firing.nextAt).toBe(nextFiring(schedule, now, cron))
      }),
      { numRuns: 200 },
    )
  })

  test('leaves alone what is paused, over, or not yet due', () => {
    const cron = toyCron()
    expect(decideFiring({ ...base, everyMs: 1000, nextAt: 5000, paused: true }, 9000, cron)).toEqual({
      times: [],
      nextAt: undefined,
    })
    expect(decideFiring({ ...base, everyMs: 1000 }, 9000, cron)).toEqual({ times: [], nextAt: undefined })
    expect(decideFiring({ ...base, everyMs: 1000, nextAt: 9001 }, 9000, cron)).toEqual({ times: [], nextAt: 9001 })
  })

  test('does not fire again what it has handled when the clock is set back', () => {
    const cron = toyCron()
    const { nextAt } = decideFiring({ ...base, everyMs: 1000, nextAt: 5000 }, 60_000, cron)
    expect(decideFiring({ ...base, everyMs: 1000, nextAt }, 30_000, cron)).toEqual({ times: [], nextAt: 61_000 })
  })

  test('counts a firing as missed when it is later than ten seconds, not before', () => {
    const schedule: Schedule = { ...base, everyMs: 60_000, nextAt: 60_000, missed: 'skip' }
    expect(decideFiring(schedule, 60_000 + missedAfterMs, toyCron()).times).toEqual([60_000])
    expect(decideFiring(schedule, 60_001 + missedAfterMs, toyCron()).times).toEqual([])
    expect(decideFiring({ ...schedule, missed: 'one' }, 60_001 + missedAfterMs, toyCron()).times).toEqual([60_000])
  })

  test('fires what was on time although something was missed', () => {
    const schedule: Schedule = { ...base, everyMs: 5000, nextAt: 5000 }
    expect(decideFiring({ ...schedule, missed: 'skip' }, 31_000, toyCron()).times).toEqual([25_000, 30_000])
    expect(decideFiring(schedule, 31_000, toyCron()).times).toEqual([20_000, 25_000, 30_000])
    expect(decideFiring({ ...schedule, missed: 'all' }, 31_000, toyCron()).times).toEqual(
      [5, 10, 15, 20, 25, 30].map((s) => s * 1000),
    )
  })

  test('ends with a cron line that has no next firing', () => {
    const once: Cron = { next: (_expression, _zone, after) => (after < 5000 ? 5000 : undefined) }
    for (const missed of ['one', 'all'] as const) {
      const schedule: Schedule = { ...base, cron: 'once', nextAt: 5000, missed }
      expect(decideFiring(schedule, 6000, once)).toEqual({ times: [5000], nextAt: undefined })
      expect(decideFiring(schedule, 900_000_000, once)).toEqual({ times: [5000], nextAt: undefined })
    }
  })

  const year = 365 * 86_400_000
  test.each([
    ['1', 'skip', 20, 0],
    ['1', 'one', 60, 1],
    ['1', 'all', 4 * missedLimit, missedLimit],
    ['60', 'one', 60, 1],
    ['60', 'all', 4 * missedLimit, missedLimit],
    ['86400', 'one', 60, 1],
    ['86400', 'all', 1000, 365],
    // A second of each from nine to ten: quiet and busy stretches by turns.
    ['1/9-10', 'one', 80, 1],
    ['1/9-10', 'all', 8 * missedLimit, missedLimit],
    ['31000000', 'all', 60, 2],
  ] as const)('after a year of downtime every %s seconds by %s costs at most %d looks', (expression, missed, most, made) => {
    const cron = toyCron()
    const nextAt = nextFiring({ ...base, cron: expression }, 0, cron)!
    cron.calls = 0
    const now = nextAt + year + 500
    const { times } = decideFiring({ ...base, cron: expression, missed, nextAt }, now, cron)
    expect(times.filter((at) => at < now - missedAfterMs).length).toBe(made)
    expect(cron.calls).toBeLessThanOrEqual(most)
  })
})

describe('nextFiring', () => {
  test('counts intervals from the epoch, strictly after', () => {
    expect(nextFiring({ ...base, everyMs: 60_000 }, 59_999, toyCron())).toBe(60_000)
    expect(nextFiring({ ...base, everyMs: 60_000 }, 60_000, toyCron())).toBe(120_000)
  })
})

describe('checkSchedule', () => {
  const good = { name: 'nightly', task: 'report', cron: '@daily' }

  test('answers what is right as it is', () => {
    const spec: ScheduleSpec = {
      ...good,
      zone: 'Europe/Berlin',
      queue: 'low',
      priority: 'low',
      missed: 'all',
      args: [1],
      kwargs: { a: 1 },
    }
    expect(checkSchedule(spec)).toBe(spec)
    expect(checkSchedule({ name: 'often', task: 't', everyMs: 1000 })).toMatchObject({ everyMs: 1000 })
    for (const deadlineMs of [1, 3_153_600_000_000]) expect(checkSchedule({ ...good, deadlineMs })).toMatchObject({ deadlineMs })
  })

  test.each<[object, string]>([
    [{ cron: undefined }, 'expected schedule nightly to have a cron line or an interval, got: neither'],
    [{ everyMs: 1000 }, 'expected schedule nightly to have a cron line or an interval, got: both'],
    [{ cron: ' ' }, 'expected schedule nightly to have a cron line such as "0 9 * * 1-5", got: " "'],
    [{ cron: 5 }, 'expected schedule nightly to have a cron line such as "0 9 * * 1-5", got: 5'],
    [
      { cron: undefined, everyMs: 999 },
      'expected schedule nightly to have an interval of whole milliseconds, at least 1000, got: 999',
    ],
    [{ cron: undefined, everyMs: 1000.5 }, 'at least 1000, got: 1000.5'],
    [{ cron: undefined, everyMs: Number.NaN }, 'at least 1000, got: NaN'],
    [
      { cron: undefined, everyMs: 1000, zone: 'UTC' },
      'expected schedule nightly to have a zone only beside a cron line, got: "UTC"',
    ],
    [{ args: 'x' }, 'expected schedule nightly to have `args` that are a list, got: "x"'],
    [{ kwargs: [1] }, 'expected schedule nightly to have `kwargs` that are an object, got: [1]'],
    [{ missed: 'some' }, 'expected schedule nightly to treat missed firings by skip, one or all, got: "some"'],
    [
      { priority: 'urgent' },
      'expected schedule nightly to have a priority of highest, very-high, high, medium, low, very-low, lowest, got: "urgent"',
    ],
    [{ lostLimit: -1 }, 'expected schedule nightly to have a `lostLimit` that is a whole number from 0, got: -1'],
    [{ lostLimit: '5' }, 'a whole number from 0, got: "5"'],
    [{ deadlineMs: 0 }, 'expected schedule nightly to have a `deadlineMs` of whole milliseconds from 1 to 3153600000000, got: 0'],
    [{ deadlineMs: 1.5 }, 'from 1 to 3153600000000, got: 1.5'],
    [{ deadlineMs: 3_153_600_000_001 }, 'got: 3153600000001'],
    [{ deadlineMs: '15s' }, 'got: "15s"'],
    [{ paused: 'no' }, 'expected schedule nightly to have a `paused` of true or false, got: "no"'],
  ])('refuses %o', (change, message) => {
    expect(() => checkSchedule({ ...good, ...change } as ScheduleSpec)).toThrow(message)
    expect(() => checkSchedule({ ...good, ...change } as ScheduleSpec)).toThrow('[schedule invalid]')
  })

  test('refuses what is no part of a schedule, and takes one that was listed', () => {
    expect(() => checkSchedule({ ...good, zonee: 'UTC' } as ScheduleSpec)).toThrow(
      /^\[option invalid\] expected an option of schedule nightly \(name, cron, .*\), got: "zonee"; did you mean `zone`\?$/,
    )
    const listed: Schedule = { ...good, paused: false, nextAt: 5, lastAt: 4 }
    expect(checkSchedule(listed)).toBe(listed)
  })

  test.each([{ name: '' }, { name: 'a b' }, { task: '' }, { queue: 'a b' }])('refuses the name in %o', (change) => {
    expect(() => checkSchedule({ ...good, ...change })).toThrow('[name invalid]')
  })
})
