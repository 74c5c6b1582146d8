/** Compression of message bodies under the names that kombu gives it. */
/// <reference path="./seek-bzip.d.ts" />
import { Buffer } from 'node:buffer'
import { brotliCompressSync, brotliDecompressSync, deflateSync, unzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ConfigError, ProtocolError, shown } from '@lovage/core'
import type bzip2 from 'seek-bzip'
import { onDemand } from './on-demand.ts'

const bzip = onDemand<typeof bzip2>('seek-bzip')

/** The names that stand in the header `compression`. */
export type CompressionName =
  | 'application/x-gzip'
  | 'application/x-bz2'
  | 'application/x-brotli'
  | 'application/x-lzma'
  | 'application/zstd'

/** Whatever a body says of itself, it may not grow beyond this. */
const defaultMaxBytes = 256 * 1024 * 1024

interface Method {
  readonly name: CompressionName
  readonly compress?: (body: Uint8Array) => Uint8Array
  readonly decompress?: (body: Uint8Array, maxBytes: number) => Uint8Array
}

const methods: Readonly<Record<string, Method>> = named([
  {
    aliases: ['gzip', 'zlib'],
    // A zlib stream under the name of gzip is what Python writes; real gzip is read, too.
    method: {
      name: 'application/x-gzip',
      compress: (body) => deflateSync(body),
      decompress: (body, maxOutputLength) => unzipSync(body, { maxOutputLength }),
    },
  },
  // No well-kept library compresses bzip2.
  { aliases: ['bzip2', 'bzip'], method: { name: 'application/x-bz2', decompress: bunzip } },
  {
    aliases: ['brotli'],
    method: {
      name: 'application/x-brotli',
      compress: (body) => brotliCompressSync(body),
      decompress: (body, maxOutputLength) => brotliDecompressSync(body, { maxOutputLength }),
    },
  },
  { aliases: ['lzma', 'xz'], method: { name: 'application/x-lzma' } },
  {
    aliases: ['zstd', 'zstandard'],
    method: {
      name: 'application/zstd',
      compress: (body) => zstdCompressSync(body),
      decompress: (body, maxOutputLength) => zstdDecompressSync(body, { maxOutputLength }),
    },
  },
])

function named(entries: readonly { readonly aliases: readonly string[]; readonly method: Method }[]): Record<string, Method> {
  return Object.fromEntries(entries.flatMap(({ aliases, method }) => [method.name, ...aliases].map((name) => [name, method])))
}

function methodOf(name: string): Method | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined
}

/**
 * Tells the header's name of a compression that can be sent; aliases such as `gzip` are accepted.
 * @throws {ConfigError} OPTION_INVALID when it cannot
 */
export function compressionName(name: string): CompressionName {
  const method = methodOf(name)
  if (method?.compress !== undefined) return method.name
  const known = Object.keys(methods).filter((alias) => !alias.includes('/') && methods[alias]?.compress !== undefined)
  throw new ConfigError('OPTION_INVALID', `expected a compression of ${known.join(', ')}, got: ${shown(name)}`)
}

/** Compresses a body. */
export function compress(name: CompressionName, body: Uint8Array): Uint8Array {
  return methodOf(compressionName(name))?.compress?.(body) ?? body
}

/** Tells whether bodies under this name or alias can be read. */
export function canDecompress(name: string): boolean {
  return methodOf(name)?.decompress !== undefined
}

/**
 * Makes of a compressed body what it was.
 * @param maxBytes the most that may come of it; default 256 MiB
 * @throws {ProtocolError} PROTOCOL_INVALID for names without a way back, broken bodies, and those that grow too large
 */
export function decompress(name: string, body: Uint8Array, maxBytes: number = defaultMaxBytes): Uint8Array {
  const method = methodOf(name)
  if (method?.decompress === undefined) {
    const known = Object.keys(methods).filter((alias) => alias.includes('/') && methods[alias]?.decompress !== undefined)
    throw new ProtocolError('PROTOCOL_INVALID', `expected a compression of ${known.join(', ')}, got: ${shown(name)}`)
  }
  try {
    return method.decompress(body, maxBytes)
  } catch (cause) {
    throw new ProtocolError(
      'PROTOCOL_INVALID',
      `expected a body of ${method.name} with at most ${maxBytes} bytes in it, got one of ${body.byteLength} bytes that is not`,
      { cause },
    )
  }
}

/** With streams of our own: the library writes into buffers without a bound, and reads beyond the end. */
function bunzip(body: Uint8Array, maxBytes: number): Uint8Array {
  let out = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(1024, body.byteLength * 4)))
  let written = 0
  let read = 0
  const source = {
    readByte: () => body[read++] ?? refuse('a whole body, got one that ends too early'),
    read(into: Uint8Array, at: number, length: number) {
      const bytes = body.subarray(read, read + length)
      into.set(bytes, at)
      read += bytes.byteLength
      return bytes.byteLength
    },
    eof: () => read >= body.byteLength,
  }
  const writeByte = (byte: number): void => {
    if (written === out.length) {
      if (written >= maxBytes) refuse(`at most ${maxBytes} bytes, got more`)
      const larger = Buffer.allocUnsafe(Math.min(maxBytes, out.length * 2))
      out.copy(larger)
      out = larger
    }
    out[written++] = byte
  }
  bzip().decode(source, { writeByte }, true)
  return out.subarray(0, written)
}

function refuse(expected: string): never {
  throw new ProtocolError('PROTOCOL_INVALID', `expected ${expected}`)
}
