/** Texts as Python's saferepr shows values: all captured ones. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFixture } from '../fixtures/captured.ts'
import { parsePython } from './python-json.ts'
import { pythonRepr, tupleRepr } from './python-repr.ts'

interface Sample {
  readonly args?: readonly unknown[]
  readonly argsrepr?: string
  readonly kwargs?: unknown
  readonly kwargsrepr?: string
  readonly value?: unknown
  readonly repr?: string
}

describe('texts of saferepr', () => {
  it.each(
    (readFixture('saferepr') as readonly Sample[]).map(
      (sample) => [sample.argsrepr ?? sample.kwargsrepr ?? sample.repr, sample] as const,
    ),
  )('writes %.60s', (expected, { args, kwargs, value }) => {
    expect(args === undefined ? pythonRepr(kwargs ?? value) : tupleRepr(args)).toBe(expected)
  })

  // As Celery 5.6.3 cut them: at the last blank that fits, wherever that is.
  it.each([
    [['word '.repeat(300)], 1030, "word word word...', ..."],
    [[Array.from({ length: 100 }, () => 'one two'), 'x'], 1032, "'one two', , ...])"],
    [[{ ['key with blanks '.repeat(80)]: 1 }], 1033, "key with...': , ...},)"],
  ])('cuts %.40o', (args, length, end) => {
    const text = tupleRepr(args)
    expect(text).toHaveLength(length)
    expect(text.slice(-end.length)).toBe(end)
  })

  it('writes numbers as Python does', () => {
    const { carried } = parsePython('[1e-05, 0.0001, 1.5e-07, 1e+21, 1e+16, 12345678901234567890, NaN, Infinity]')
    expect(pythonRepr(carried)).toBe('[1e-05, 0.0001, 1.5e-07, 1e+21, 1e+16, 12345678901234567890, nan, inf]')
    expect(pythonRepr([2n ** 64n, -1e-10])).toBe('[18446744073709551616, -1e-10]')
  })

  it('shows what a sender of JavaScript may hand in', () => {
    expect(tupleRepr([undefined, new Date(0), new Uint8Array([97]), new Uint8Array([255])])).toBe(
      "(None, '1970-01-01T00:00:00.000Z', b'a', b'ff')",
    )
    expect(pythonRepr({ none: undefined, some: 1, method: () => 1 })).toBe("{'some': 1}")
  })

  it('cuts bytes', () => {
    expect(pythonRepr(new Uint8Array(2000).fill(97))).toBe(`b'${'a'.repeat(1024)}...'`)
  })

  it('is never much longer than its limit, and ends what it began', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 6 }), { maxLength: 300 }), (items) => {
        const text = tupleRepr(items)
        expect(text.startsWith('(')).toBe(true)
        // Of one text as many quotes as letters may be escaped.
        expect(text.length).toBeLessThan(3200)
      }),
    )
  })
})
