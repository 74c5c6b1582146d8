/** Headers of any sort, through the library's own reader. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mendProperties } from './readable-headers.ts'

/** The library's frames stand behind no export. */
const require = createRequire(import.meta.url)
const { decode } = require(require.resolve('amqplib').replace(/channel_api\.js$/, 'lib/defs.js')) as {
  decode(id: number, payload: Buffer): { readonly headers: unknown; readonly contentType: unknown; readonly priority: unknown }
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([Buffer.byteLength(value)]), Buffer.from(value)])
function sized(value: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(value.length)
  return Buffer.concat([size, value])
}

/** A content header with content type, encoding, these headers and a priority. */
function header(entries: Buffer): Buffer {
  const head = Buffer.alloc(14)
  head.writeUInt16BE(60)
  head.writeUInt16BE(0x8000 | 0x4000 | 0x2000 | 0x0800, 12)
  return Buffer.concat([head, text('application/json'), text('utf-8'), sized(entries), Buffer.from([5])])
}

function read(entries: Buffer) {
  const payload = header(entries)
  mendProperties(payload)
  return decode(60, payload.subarray(12))
}

function int64(tag: string, value: bigint): Buffer {
  const buffer = Buffer.alloc(9)
  buffer.write(tag)
  buffer.writeBigInt64BE(value, 1)
  return buffer
}

test('integers as Python writes them are read, wherever they stand, and texts stay as they are', () => {
  const big = int64('L', 2n ** 40n)
  const letters = Buffer.concat([Buffer.from('S'), sized(Buffer.from('LLLL L'))])
  const list = Buffer.concat([Buffer.from('A'), sized(Buffer.concat([big, letters, Buffer.from('V'), big]))])
  const inner = Buffer.concat([text('L'), big, text('s'), letters, text('t'), Buffer.from('t\x01')])
  const entries = Buffer.concat([text('n'), big, text('l'), list, text('o'), Buffer.from('F'), sized(inner), text('z'), big])
  const n = 2 ** 40
  expect(read(entries)).toMatchObject({
    contentType: 'application/json',
    priority: 5,
    headers: { n, l: [n, 'LLLL L', null, n], o: { L: n, s: 'LLLL L', t: true }, z: n },
  })
})

test('what is nested too deeply is given as bytes, and what follows is read', () => {
  let nested = Buffer.alloc(0)
  for (let n = 0; n < 20_000; n++) {
    // Long lines of bytes are dear to copy; the depth matters, not the shape.
    const prefix = Buffer.from([1, 97, 70, 0, 0, 0, 0])
    prefix.writeUInt32BE(nested.length, 3)
    nested = Buffer.concat([prefix, nested])
  }
  const { headers } = read(Buffer.concat([nested, text('after'), Buffer.from('t\x01')])) as { headers: Record<string, unknown> }
  expect(headers.after).toBe(true)
  let depth = 0
  let value: unknown = headers
  while (!Buffer.isBuffer(value)) {
    value = (value as Record<string, unknown>).a
    depth++
  }
  expect(depth).toBe(50)
})

test('whatever bytes come, they end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const payload = Buffer.from(bytes)
      mendProperties(payload)
      mendProperties(header(payload))
      expect(payload).toHaveLength(bytes.length)
    }),
    { numRuns: 2000 },
  )
})
