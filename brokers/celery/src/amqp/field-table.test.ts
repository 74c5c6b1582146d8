/** Headers over the wire's own codec, and back. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Headers } from '../transport.ts'
import { fieldTable, headersFrom } from './field-table.ts'

/** The library's codec stands behind no export. */
const require = createRequire(import.meta.url)
const folder = require.resolve('amqplib').replace(/channel_api\.js$/, 'lib/')
const codec = require(`${folder}codec.js`) as {
  encodeTable(buffer: Buffer, table: unknown, offset: number): number
  decodeFields(slice: Buffer): unknown
}

function bytesOf(headers: Headers): Buffer {
  const buffer = Buffer.alloc(65_536)
  return buffer.subarray(4, codec.encodeTable(buffer, fieldTable(headers), 0))
}

const over = (headers: Headers): Headers => headersFrom(codec.decodeFields(bytesOf(headers)))

test('whatever JSON can say comes back as it was', () => {
  // The library's reader drops one name.
  const name = fc.string({ maxLength: 40 }).filter((each) => each !== '__proto__')
  const number = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      number.map((each) => (Object.is(each, -0) ? 0 : each)),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(name, fc.constantFrom('!', 'value', 'constructor')), tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true }), (headers) => {
      expect(JSON.stringify(over(headers))).toBe(JSON.stringify(headers))
    }),
  )
})

test('a name that means something to JavaScript changes nothing else', () => {
  const headers = JSON.parse('{"a": 1, "__proto__": {"task": "x"}}') as Headers
  expect(over(headers)).toEqual({ a: 1 })
  expect(over(headers).task).toBeUndefined()
})

test('numbers have the types that Python gives them', () => {
  const typeOf = (value: unknown): string => String.fromCharCode(bytesOf({ n: value })[2] as number)
  expect([1, -1, 300, 2 ** 31 - 1, -(2 ** 31)].map(typeOf)).toEqual(['I', 'I', 'I', 'I', 'I'])
  expect([2 ** 31, -(2 ** 31) - 1, 2 ** 53, 5n].map(typeOf)).toEqual(['l', 'l', 'l', 'l'])
  expect([0.5, 2 ** 63, 1e300].map(typeOf)).toEqual(['d', 'd', 'd'])
  expect([null, true, 'x', [], {}, Number.NaN].map(typeOf)).toEqual(['V', 't', 'S', 'A', 'F', 'S'])
})

test('what only AMQP can say is read as JSON would', () => {
  const table = {
    time: { '!': 'timestamp', value: 1_800_000_000 },
    far: { '!': 'timestamp', value: 2 ** 60 },
    price: { '!': 'decimal', value: { places: 2, digits: 1234 } },
    bytes: Buffer.from('ä'),
    deep: [{ count: 1, time: { '!': 'timestamp', value: 0 } }],
  }
  expect(headersFrom(table)).toEqual({
    time: '2027-01-15T08:00:00.000Z',
    far: 2 ** 60,
    price: 12.34,
    bytes: 'ä',
    deep: [{ count: 1, time: '1970-01-01T00:00:00.000Z' }],
  })
  expect(headersFrom(undefined)).toEqual({})
})
