/** Durations: what is read, what is refused, and that what is written can be read. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { durationMs, formatDuration, longestDurationMs } from './duration.ts'

describe('durationMs', () => {
  test.each([
    [0, 0],
    [1500, 1500],
    [1.6, 2],
    ['250ms', 250],
    ['10s', 10_000],
    ['10 s', 10_000],
    ['1.5 seconds', 1500],
    ['2m', 120_000],
    ['1 minute', 60_000],
    ['3 hrs', 10_800_000],
    ['7 days', 604_800_000],
    ['2w', 1_209_600_000],
    ['1 hour 30 minutes', 5_400_000],
    ['1h30m', 5_400_000],
    ['1 day 2 hours 3 minutes 4 seconds 5 ms', 93_784_005],
    ['  10s  ', 10_000],
  ])('reads %j as %d ms', (value, ms) => {
    expect(durationMs(value)).toBe(ms)
  })

  test.each([
    '',
    ' ',
    '10',
    'NaN',
    '1e3',
    '-1s',
    '+1s',
    '.5s',
    '5.s',
    '10S',
    '7days 3 weeks',
    '1s 1s',
    '1m 2min',
    '1 fortnight',
    '1 month',
    '10s!',
    '1h and 2m',
    '1h, 2m',
    '0x10 s',
    '1_000ms',
    'constructor',
    '1 constructor',
    '1 __proto__',
    '101 years',
    '40000 days',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    longestDurationMs + 1,
    null,
    true,
    {},
    ['10s'],
  ] as string[])('refuses %o', (value) => {
    expect(() => durationMs(value, 'delay')).toThrow(
      /^\[duration invalid\] expected `delay` to be a number of milliseconds or a text such as "500ms"/,
    )
  })

  test('shows what came', () => {
    expect(() => durationMs('soon', 'delay')).toThrow('got: "soon"')
    expect(() => durationMs(Number.NaN)).toThrow('expected `duration`')
    expect(() => durationMs(Number.NaN)).toThrow('got: NaN')
  })

  test('never takes long over a text, and answers a number or refuses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9 .smhdw]{0,40}$/)), (text) => {
        try {
          const ms = durationMs(text)
          expect(Number.isInteger(ms) && ms >= 0).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'DURATION_INVALID' })
        }
      }),
    )
    expect(() => durationMs('1 '.repeat(50_000))).toThrow('DURATION_INVALID'.toLowerCase().replace('_', ' '))
  })

  const parts = [
    [604_800_000, 'w', 'week', 'weeks'],
    [86_400_000, 'd', 'day', 'days'],
    [3_600_000, 'h', 'hour', 'hours'],
    [60_000, 'm', 'min', 'minutes'],
    [1000, 's', 'sec', 'seconds'],
    [1, 'ms', 'millisecond', 'milliseconds'],
  ] as const

  test('adds up its parts, whatever the words and the spaces', () => {
    const part = fc.option(
      fc.record({ count: fc.nat(500), word: fc.integer({ min: 1, max: 3 }), space: fc.constantFrom('', ' ') }),
      {
        nil: undefined,
      },
    )
    fc.assert(
      fc.property(fc.tuple(part, part, part, part, part, part), (chosen) => {
        const named = chosen.flatMap((one, index) => (one === undefined ? [] : [{ ...one, unit: parts[index]! }]))
        fc.pre(named.length > 0)
        const text = named.map(({ count, word, space, unit }) => `${count}${space}${unit[word as 1 | 2 | 3]}`).join(' ')
        expect(durationMs(text)).toBe(named.reduce((sum, { count, unit }) => sum + count * unit[0], 0))
      }),
    )
  })
})

describe('formatDuration', () => {
  test.each([
    [0, '0ms'],
    [999, '999ms'],
    [999.6, '1s'],
    [1500, '1.5s'],
    [9960, '10s'],
    [59_600, '1m'],
    [90_000, '1m 30s'],
    [5_400_000, '1h 30m'],
    [86_400_000 + 59_000, '1d'],
    [93_784_005, '1d 2h'],
    [-1500, '-1.5s'],
  ])('writes %d as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  test('writes what durationMs reads, as near as it shows', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: longestDurationMs })), (ms) => {
        const again = durationMs(formatDuration(ms))
        const shown = ms < 1000 ? 0 : ms < 10_000 ? 51 : ms < 3_600_000 ? 501 : ms < 86_400_000 ? 60_000 : 3_600_000
        expect(Math.abs(again - ms)).toBeLessThanOrEqual(shown)
        expect(formatDuration(again)).toBe(formatDuration(ms))
      }),
    )
  })
})
