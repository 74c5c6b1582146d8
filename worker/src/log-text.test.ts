import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logText } from './log-text.ts'

describe('the text of a log line', () => {
  it('is the text that was given', () => {
    expect(logText('resizing cat.jpg')).toBe('resizing cat.jpg')
  })

  it('of an error is its stack, or its name and message where it has none', () => {
    const error = new RangeError('too far')
    expect(logText(error)).toMatch(/^RangeError: too far\n +at /)
    error.stack = undefined as never
    expect(logText(error)).toBe('RangeError: too far')
  })

  it('of anything else is what it looks like', () => {
    expect([{ n: 1 }, [1], 7, 1n, undefined, null, Symbol('s')].map(logText)).toEqual([
      '{"n":1}',
      '[1]',
      '7',
      '1n',
      'undefined',
      'null',
      'Symbol(s)',
    ])
    expect(logText(Object.create(null))).toBe('{}')
  })

  it('is cut where it is too long to keep', () => {
    expect(logText('x'.repeat(8000))).toHaveLength(8000)
    expect(logText('x'.repeat(8002))).toMatch(/^x{8000}\.\.\. \(2 more characters\)$/)
    expect(logText({ text: 'x'.repeat(9000) }).length).toBeLessThan(8100)
  })

  it('is a text for any value', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => typeof logText(value) === 'string'),
    )
  })
})
