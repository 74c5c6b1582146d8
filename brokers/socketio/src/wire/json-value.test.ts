import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonValue, toJson } from './json-value.ts'
import { limits } from './limits.ts'

/** So many lists inside each other. */
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

describe('a value of JSON', () => {
  it('is accepted as it is, if it is one', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (written) => {
        const value = JSON.parse(JSON.stringify(written))
        expect(jsonValue(value, 'value')).toEqual({ ok: true, frame: value })
      }),
    )
  })

  it.each([
    [Buffer.from('bytes'), /to be a value of JSON/],
    [{ deep: [new Date(0)] }, /^expected `results\.deep\[0\]` to be a value of JSON, got: "1970/],
    [new Map(), /to be a value of JSON/],
    [Number.NaN, /to be a number of JSON, got: NaN/],
    [{ big: 1n }, /`results\.big` to be a value of JSON, got: 1n/],
    [{ nothing: undefined }, /to be a value of JSON, got: undefined/],
  ])('is refused else %#', (value, reason) => {
    const decoded = jsonValue(value, 'results')
    expect(decoded.ok ? '' : decoded.reason).toMatch(reason)
  })

  it('has a depth', () => {
    expect(jsonValue(nested(limits.depth), 'value').ok).toBe(true)
    expect(jsonValue(nested(limits.depth + 1), 'value').ok).toBe(false)
    expect(jsonValue(nested(5000), 'value').ok).toBe(false)
  })

  it('has a size, in bytes of UTF-8', () => {
    const fits = (value: string) => jsonValue(value, 'value').ok
    expect(fits('x'.repeat(limits.payloadBytes - 2))).toBe(true)
    expect(fits('x'.repeat(limits.payloadBytes - 1))).toBe(false)
    expect(fits('€'.repeat((limits.payloadBytes - 4) / 3))).toBe(true)
    expect(fits('€'.repeat(limits.payloadBytes / 2))).toBe(false)
  })
})

describe('what a handler gives', () => {
  it('becomes what JSON makes of it', () => {
    const given = { at: new Date(0), left: undefined, out: () => 1, in: [undefined] }
    expect(toJson(given, 'results')).toEqual({ ok: true, frame: { at: '1970-01-01T00:00:00.000Z', in: [null] } })
    expect(toJson(undefined, 'results')).toEqual({ ok: true, frame: undefined })
  })

  it('is refused when JSON cannot write it', () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    for (const value of [circle, 1n]) {
      const decoded = toJson(value, 'results')
      expect(decoded.ok ? '' : decoded.reason).toMatch(/^expected `results` to be a value that can be written as JSON, got: /)
    }
  })

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }),
        (value) => void toJson(value, 'results'),
      ),
    )
  })
})
