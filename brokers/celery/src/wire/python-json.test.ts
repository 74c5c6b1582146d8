/** Python's JSON: numbers that survive being passed on, values with a type, and what is no JSON. */
import { LovageError } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exactText, parsePython, pythonFloat, readPython, revivePython, writePython } from './python-json.ts'

/** What Python would write, parsed and written again. */
const passedOn = (text: string) => writePython(parsePython(text).carried)

describe('parsePython', () => {
  it.each([
    '[1.0,-0.0,1e+16,1e+100,9007199254740993,-12345678901234567890,0.1,1e-7]',
    '[1e+16]',
    '{"a":12345678901234567}',
    '{"a":[NaN,Infinity,-Infinity],"b":"NaN, \\"Infinity"}',
    '{"__type__":"datetime","__value__":"2030-01-02T03:04:05.678901+00:00"}',
    '1.0',
    '12345678901234567890',
    'NaN',
  ])('passes %s on as it came', (text) => {
    expect(passedOn(text)).toBe(text)
  })

  it('hands numbers to handlers as JavaScript has them, whole ones beyond 2^53 as bigints', () => {
    const text = '[1.0, -0.0, 1e+16, 9007199254740991, 9007199254740993, -9007199254740993, NaN, -Infinity, 1e400, 1.5]'
    expect(parsePython(text).revived).toEqual([
      1,
      -0,
      1e16,
      9007199254740991,
      9007199254740993n,
      -9007199254740993n,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      1.5,
    ])
  })

  it('hands out typed values as texts and bytes', () => {
    const typed = (type: string, value: unknown) => parsePython(JSON.stringify({ __type__: type, __value__: value })).revived
    expect(typed('datetime', '2030-01-02T03:04:05')).toBe('2030-01-02T03:04:05')
    expect(typed('date', '2030-01-02T00:00:00')).toBe('2030-01-02')
    expect(typed('time', '03:04:05.678901')).toBe('03:04:05.678901')
    expect(typed('decimal', '1.10')).toBe('1.10')
    expect(typed('decimal', 'NaN')).toBe('NaN')
    expect(typed('uuid', { hex: 'D806CB201E1B4E4EBD954EE249E64B9B', version: 4 })).toBe('d806cb20-1e1b-4e4e-bd95-4ee249e64b9b')
    expect(typed('bytes', 'h\u00e9')).toEqual(new Uint8Array([0x68, 0xc3, 0xa9]))
    expect(typed('base64', '/w==')).toEqual(new Uint8Array([0xff]))
  })

  it('leaves objects alone that have more than the two keys', () => {
    const value = { __type__: 'nobody', __value__: 1, more: 2 }
    expect(parsePython(JSON.stringify(value)).revived).toEqual(value)
  })

  it.each([
    '{"__type__": "nobody", "__value__": 1}',
    '{"__type__": "toString", "__value__": 1}',
    '[{"__type__": "datetime", "__value__": "yesterday"}]',
    '{"__type__": "uuid", "__value__": {"hex": "12"}}',
    '{"__type__": "bytes", "__value__": 5}',
    '{"__type__": ["datetime"], "__value__": "2030-01-02"}',
    'nonsense',
    '[1,]',
    '',
    '[NaN',
    'nan',
    '"Infinity',
  ])('refuses %s', (text) => {
    expect(() => parsePython(text)).toThrow(expect.objectContaining({ code: 'PROTOCOL_INVALID' }))
  })

  it('says of a text nested deeper than the stack that it cannot be read, or reads it', () => {
    const text = `${'['.repeat(200_000)}1.0${']'.repeat(200_000)}`
    const problem = thrownBy(() => parsePython(text))
    expect(problem === undefined || LovageError.is(problem, 'PROTOCOL_INVALID')).toBe(true)
  })

  it('answers one object for both where nothing is lost', () => {
    const { carried, revived } = parsePython('[[2, 3], {"x": "1.0"}, {"chain": null}]')
    expect(revived).toBe(carried)
  })

  it('shares what is not changed', () => {
    const { carried, revived } = parsePython('[{"a": 1.0}, {"b": 1}]')
    expect((revived as unknown[])[1]).toBe((carried as unknown[])[1])
    expect(revivePython(revived)).toBe(revived)
  })

  it('never throws anything but a refusal', () => {
    const pieces = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"',
      '\\',
      'NaN',
      '-Infinity',
      '1.0',
      '1e+5',
      '"__type__"',
      '"__value__"',
      '"a"',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (text) => {
          const problem = thrownBy(() => parsePython(text))
          expect(problem === undefined || LovageError.is(problem, 'PROTOCOL_INVALID')).toBe(true)
        },
      ),
    )
  })
})

describe('readPython', () => {
  it('gives what a handler sees', () => {
    const number = fc.constantFrom('1.0', '-0', '-0.0', '1e+16', '9007199254740993', '1e400', 'NaN', '-Infinity', '-7', '0.1')
    const typed = fc.constantFrom('{"__type__":"uuid","__value__":{"hex":"00000000000000000000000000000000"}}', '{"__type__":1}')
    const item = fc.oneof(number, typed, fc.json({ maxDepth: 2 }))
    const text = fc.oneof(
      item,
      fc.array(item).map((items) => `[${items}]`),
      fc.array(item).map((items) => `{${items.map((each, at) => `"${at}":${each}`)}}`),
    )
    const outcome = (read: () => unknown) => thrownBy(read) ?? { value: read() }
    fc.assert(
      fc.property(text, (given) => {
        expect(outcome(() => readPython(given))).toEqual(outcome(() => parsePython(given).revived))
      }),
    )
  })

  it('reads what is nested deep, and refuses what parsePython refuses', () => {
    let inner = readPython(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`)
    while (Array.isArray(inner)) inner = inner[0]
    expect(inner).toBe(1)
    expect(() => readPython('[1,]')).toThrow(expect.objectContaining({ code: 'PROTOCOL_INVALID' }))
  })
})

describe('writePython', () => {
  it('writes ASCII', () => {
    expect(writePython(['h\u00e9llo \u2603 \u{1f600} \u007f', { '\u00fc': '\ud800' }])).toBe(
      '["h\\u00e9llo \\u2603 \\ud83d\\ude00 \\u007f",{"\\u00fc":"\\ud800"}]',
    )
  })

  it('writes what JSON has no word for', () => {
    expect(writePython([Number.NaN, Number.POSITIVE_INFINITY, { low: Number.NEGATIVE_INFINITY }, 2n ** 64n])).toBe(
      '[NaN,Infinity,{"low":-Infinity},18446744073709551616]',
    )
    expect(writePython(['0e999', Number.NaN, '1e999'])).toBe('["0e999",NaN,"1e999"]')
    expect(writePython(undefined)).toBe('null')
    expect(writePython([undefined, () => 1, null])).toBe('[null,null,null]')
    expect(writePython(new Date(0))).toBe('"1970-01-01T00:00:00.000Z"')
    expect(writePython({ at: new Date(Number.NaN) })).toBe('{"at":null}')
  })

  it('writes bytes as kombu does', () => {
    const bytes = '{"__type__":"bytes","__value__":"abc"}'
    const nothing = '{"__type__":"bytes","__value__":""}'
    expect(writePython(new TextEncoder().encode('abc'))).toBe(bytes)
    expect(writePython({ data: Buffer.from('abc') })).toBe(`{"data":${bytes}}`)
    expect(writePython([new Uint8Array([255]), null])).toBe('[{"__type__":"base64","__value__":"/w=="},null]')
    expect(writePython([new Uint8Array(), Buffer.alloc(0), {}])).toBe(`[${nothing},${nothing},{}]`)
    expect(writePython({ type: 'Buffer', more: null })).toBe('{"type":"Buffer","more":null}')
  })

  it('writes floats that are whole where it is asked to', () => {
    expect(writePython([pythonFloat(123), pythonFloat(1.5), pythonFloat(-0)])).toBe('[123.0,1.5,0.0]')
    expect(exactText(pythonFloat(2))).toBe('2.0')
  })

  it('refuses circles', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => writePython(circle)).toThrow(expect.objectContaining({ code: 'INPUT_UNSERIALIZABLE' }))
  })

  it('reads what it writes', () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.double(),
        fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).filter((big) => big > 2n ** 53n || big < -(2n ** 53n)),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter((name) => name !== '__type__'),
          tie('value'),
          { maxKeys: 4 },
        ),
      ),
    })).value
    // Beyond 2^53 JavaScript writes a whole float as Python does a whole number, which it is from then on.
    const read = (number: unknown): unknown =>
      typeof number === 'number' && Number.isInteger(number) && Math.abs(number) < 1e21 && !Number.isSafeInteger(number)
        ? BigInt(String(number))
        : number
    fc.assert(
      fc.property(value, (original) => {
        const text = writePython(original)
        expect(text).toMatch(/^[ -~]*$/)
        const expected = mapped(original, (item) => (Object.is(item, -0) ? 0 : read(item)))
        expect(parsePython(text).revived).toEqual(expected)
        expect(passedOn(text)).toBe(text)
      }),
    )
  })
})

function mapped(value: unknown, change: (item: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapped(item, change))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return change(value)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, change)]))
}

function thrownBy(act: () => unknown): unknown {
  try {
    act()
    return undefined
  } catch (error) {
    return error
  }
}
