/** Every form of ISO time that Python writes and reads. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIsoTime, writeIsoTime } from './iso-time.ts'

describe('parseIsoTime', () => {
  const at = Date.UTC(2030, 0, 2, 3, 4, 5)
  it.each([
    ['2030-01-02T03:04:05', at],
    ['2030-01-02 03:04:05', at],
    ['2030-01-02T03:04:05Z', at],
    ['2030-01-02T03:04:05z', at],
    ['2030-01-02T03:04:05+00:00', at],
    ['2030-01-02T05:04:05+02:00', at],
    ['2030-01-01T21:34:05-05:30', at],
    ['2030-01-02T05:04:05+0200', at],
    ['2030-01-02T05:04:05+02', at],
    ['2030-01-02T03:04:06+00:00:01', at],
    ['2030-01-02T03:04:05.678901+00:00', at + 678.901],
    ['2030-01-02T03:04:05.6789012345', at + 678.901],
    ['2030-01-02T03:04:05,5Z', at + 500],
    ['20300102T030405Z', at],
    ['2030-01-02T03:04', at - 5000],
    ['2030-01-02T03', at - 245_000],
    ['2030-1-2T03:04:05', at],
    ['2030-01-02', at - 11_045_000],
    ['0001-01-01T00:00:00', -62_135_596_800_000],
    ['0099-12-31T00:00:00Z', Date.parse('0099-12-31T00:00:00Z')],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ])('reads %s', (text, time) => {
    expect(parseIsoTime(text)).toBe(time)
  })

  it.each([
    '',
    'tomorrow',
    '2030',
    '2030-13-01T00:00:00',
    '2030-00-01',
    '2030-02-30',
    '2023-02-29',
    '2030-01-02T24:00:00',
    '2030-01-02T03:60:00',
    '2030-01-02T03:04:60',
    '2030-01-02T03:04:05+24:00',
    '2030-01-02T03:04:05 UTC',
    '0000-01-01T00:00:00',
    '10000-01-01T00:00:00',
    '9999-12-31T23:59:59-01:00',
    '1795206700',
  ])('refuses %s', (text) => {
    expect(parseIsoTime(text)).toBeUndefined()
  })

  it('never throws', () => {
    const pieces = fc.constantFrom('2030', '01', '-', ':', 'T', '.', '+', 'Z', '5', ' ')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (text) => {
          expect(() => parseIsoTime(text)).not.toThrow()
        },
      ),
    )
  })
})

describe('writeIsoTime', () => {
  it.each([
    [0, '1970-01-01T00:00:00+00:00'],
    [1_795_206_705_368.587, '2026-11-20T20:31:45.368587+00:00'],
    [1500, '1970-01-01T00:00:01.500000+00:00'],
    [-0.001, '1969-12-31T23:59:59.999999+00:00'],
    [999.9999, '1970-01-01T00:00:01+00:00'],
  ])('writes %d', (time, text) => {
    expect(writeIsoTime(time)).toBe(text)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_800_000, -62_135_596_800_001])('refuses %d', (time) => {
    expect(writeIsoTime(time)).toBeUndefined()
  })

  it('reads what it writes, to the microsecond for some generations around ours', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -4_000_000_000, max: 4_000_000_000 }),
        fc.integer({ min: 0, max: 999_999 }),
        (second, micro) => {
          const text = writeIsoTime(second * 1000 + micro / 1000)!
          expect(writeIsoTime(parseIsoTime(text)!)).toBe(text)
          if (micro > 0) expect(text.slice(20, 26)).toBe(String(micro).padStart(6, '0'))
        },
      ),
    )
  })
})
