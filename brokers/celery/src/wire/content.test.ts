/** Bodies in every content type and compression, and those that are refused. */
import { Buffer } from 'node:buffer'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canDecompress, compress, compressionName, decompress } from './compression.ts'
import { type AcceptedContent, acceptJson, decodeContent, encodeContent, serializers } from './content.ts'

const acceptAll: AcceptedContent = new Set(serializers)
const decode = (contentType: string, body: Uint8Array | string, contentEncoding = 'utf-8', accept = acceptAll) =>
  decodeContent({ contentType, contentEncoding, body: typeof body === 'string' ? Buffer.from(body) : body }, accept)
const revivedOf = (decoded: ReturnType<typeof decodeContent>) => (decoded.ok ? decoded.value.revived : decoded)
/** The library of MessagePack refuses objects with such a name. */
const hasNoProto = (value: unknown) => !JSON.stringify(value).includes('__proto__')
const bzip2 = Buffer.from(
  'QlpoOTFBWSZTWWGP0tsAAA8bgFQEABAACj5tmkogAFQ1AGg0A0BKTFGgyGI9IyOEjFpUnE03jCZrUNFVuy9o21S4yuNIcMo1bEMAi93wQDKjIap8XckU4UJBhj9LbA==',
  'base64',
)

describe('decodeContent', () => {
  it('looks into accepted content only', () => {
    expect(decode('application/x-yaml', 'a: 1', 'utf-8', acceptJson)).toMatchObject({ ok: false, kind: 'refused-content' })
    expect(decode('application/x-python-serialize', 'cos\nsystem\n', 'binary')).toMatchObject({
      ok: false,
      kind: 'refused-content',
    })
    expect(decode('text/plain', 'hello')).toMatchObject({ ok: false, kind: 'refused-content' })
    expect(decode('application/json', '{}', 'utf-8', new Set())).toMatchObject({ ok: false, kind: 'refused-content' })
  })

  it('hands out raw data as it is', () => {
    expect(revivedOf(decode('application/data', 'abc', 'binary', acceptJson))).toEqual(new Uint8Array([97, 98, 99]))
    expect(revivedOf(decode('application/text', 'h\u00e9', 'utf-8', acceptJson))).toBe('h\u00e9')
    expect(revivedOf(decode('', 'abc', '', acceptJson))).toEqual(new Uint8Array([97, 98, 99]))
  })

  it('reads texts in their encoding', () => {
    expect(revivedOf(decode('application/json', Buffer.from('"h\u00e9"', 'latin1'), 'latin-1'))).toBe('h\u00e9')
    expect(revivedOf(decode('application/json', '"h\u00e9"', 'UTF8'))).toBe('h\u00e9')
    expect(decode('application/json', Buffer.from('"h\u00e9"', 'latin1'))).toMatchObject({ ok: false, kind: 'undecodable' })
    expect(decode('application/json', '"h\u00e9"', 'utf-16')).toMatchObject({ ok: false, kind: 'undecodable' })
  })

  it('reads YAML as PyYAML does, without classes', () => {
    expect(revivedOf(decode('application/x-yaml', '- [x, yes, 0o17, 12345678901234567890]\n- {}\n'))).toEqual([
      ['x', true, '0o17', 12345678901234567890n],
      {},
    ])
    expect(revivedOf(decode('application/x-yaml', '2030-01-02 03:04:05\n'))).toBe('2030-01-02T03:04:05.000Z')
    expect(revivedOf(decode('application/x-yaml', '!!binary aGk=\n'))).toEqual(new Uint8Array([104, 105]))
    expect(decode('application/x-yaml', '!!python/object/apply:os.system ["ls"]')).toMatchObject({
      ok: false,
      kind: 'undecodable',
    })
    expect(decode('application/x-yaml', 'a: [')).toMatchObject({ ok: false, kind: 'undecodable' })
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`).join('\n')}\n`
    expect(decode('application/x-yaml', bomb)).toMatchObject({ ok: false, kind: 'undecodable' })
  })

  it('reads MessagePack with its large numbers', () => {
    const body = encodeContent([1, 2 ** 40, 2n ** 63n, 1.5, 'x', { a: null }], 'msgpack').body
    expect(revivedOf(decode('application/x-msgpack', body, 'binary'))).toEqual([1, 2 ** 40, 2n ** 63n, 1.5, 'x', { a: null }])
    expect(decode('application/x-msgpack', new Uint8Array([0xc1]), 'binary')).toMatchObject({ ok: false, kind: 'undecodable' })
    // 2^40 is a whole number to Python, too: uint64 and not float64.
    expect(encodeContent(2 ** 40, 'msgpack').body[0]).toBe(0xcf)
  })

  it.each(serializers)('reads what it writes as %s', (serializer) => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }).filter(hasNoProto), (value) => {
        const decoded = decodeContent(encodeContent(value, serializer), acceptAll)
        const text = JSON.stringify(revivedOf(decoded), (_name, item) => (typeof item === 'bigint' ? Number(item) : item))
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it.each(['application/json', 'application/x-yaml', 'application/x-msgpack', 'application/data'])(
    'never throws, whatever comes as %s',
    (contentType) => {
      const compression = fc.constantFrom(undefined, 'gzip', 'bzip2', 'brotli', 'zstd', 'xz', 'application/x-gzip')
      fc.assert(
        fc.property(fc.uint8Array(), fc.constantFrom('utf-8', 'binary', ''), compression, (body, contentEncoding, name) => {
          decodeContent({ contentType, contentEncoding, body, compression: name }, acceptAll)
        }),
      )
    },
  )
})

describe('compression', () => {
  const text = new Uint8Array(Buffer.from(JSON.stringify('celery '.repeat(100))))

  it.each([
    ['gzip', 'application/x-gzip'],
    ['zlib', 'application/x-gzip'],
    ['brotli', 'application/x-brotli'],
    ['zstd', 'application/zstd'],
    ['zstandard', 'application/zstd'],
  ])('writes and reads %s', (alias, name) => {
    expect(compressionName(alias)).toBe(name)
    const packed = compress(compressionName(alias), text)
    expect(packed.byteLength).toBeLessThan(text.byteLength)
    expect(new Uint8Array(decompress(name, packed))).toEqual(text)
    expect(new Uint8Array(decompress(alias, packed))).toEqual(text)
  })

  it('calls a zlib stream gzip, and reads both', () => {
    expect(compress('application/x-gzip', text)[0]).toBe(0x78)
    expect(new Uint8Array(decompress('application/x-gzip', gzipSync(text)))).toEqual(text)
  })

  it('reads bzip2, also in several streams', () => {
    const once = Buffer.from(decompress('application/x-bz2', bzip2)).toString()
    expect(JSON.parse(once)[0]).toEqual(['x'.repeat(40)])
    expect(Buffer.from(decompress('bzip2', Buffer.concat([bzip2, bzip2]))).toString()).toBe(once + once)
  })

  it('says what it cannot write or read', () => {
    expect(() => compressionName('bzip2')).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => compressionName('constructor')).toThrow(/gzip, zlib, brotli, zstd, zstandard/)
    expect(canDecompress('application/x-lzma')).toBe(false)
    expect(canDecompress('bzip')).toBe(true)
    expect(() => decompress('xz', text)).toThrow(expect.objectContaining({ code: 'PROTOCOL_INVALID' }))
    expect(
      decodeContent({ contentType: 'application/json', contentEncoding: 'utf-8', compression: 'lzma', body: text }),
    ).toMatchObject({
      ok: false,
      kind: 'refused-content',
    })
  })

  it.each([
    ['application/x-gzip', deflateSync(text)],
    ['application/x-brotli', brotliCompressSync(text)],
    ['application/zstd', zstdCompressSync(text)],
    ['application/x-bz2', bzip2],
  ])('stops %s that grows too large, and refuses what ends too early', (name, packed) => {
    const refused = expect.objectContaining({ code: 'PROTOCOL_INVALID' })
    expect(() => decompress(name, packed, 20)).toThrow(refused)
    // Node 22 takes the end of a zstd stream for granted; what is missing is missed by the reader of the text.
    const body = packed.subarray(0, packed.byteLength - 6)
    expect(decodeContent({ contentType: 'application/json', contentEncoding: 'utf-8', compression: name, body })).toMatchObject({
      ok: false,
      kind: 'undecodable',
    })
  })
})
