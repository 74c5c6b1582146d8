/** Measures one file in one pass: hash, lines, words, size, how well it compresses, what it is. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { detectType, looksLikeText } from './detect-type.ts'

/** What is known about a file. */
export interface FileFacts {
  /** Relative to the folder, with `/`. */
  readonly path: string
  readonly type: string
  readonly bytes: number
  /** 0 for what is not text. */
  readonly lines: number
  /** 0 for what is not text. */
  readonly words: number
  readonly sha256: string
  /** Compressed size by size: 0.25 means a quarter is left; 1 for an empty file. */
  readonly gzipRatio: number
}

const newline = 0x0a

/** Reads a file as a stream, so that its size does not matter. The signal ends it early. */
export async function measureFile(file: string, path: string, signal: AbortSignal): Promise<FileFacts> {
  const hash = createHash('sha256')
  const head: number[] = []
  const seen = { bytes: 0, lines: 0, words: 0, last: newline, gzipped: 0 }
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      if (head.length < 512) head.push(...chunk.subarray(0, 512 - head.length))
      countText(chunk, seen)
      done(null, chunk)
    },
  })
  await pipeline(
    createReadStream(file),
    count,
    createGzip(),
    async (compressed: AsyncIterable<Buffer>) => {
      for await (const chunk of compressed) seen.gzipped += chunk.length
    },
    { signal },
  )
  const beginning = Uint8Array.from(head)
  const text = looksLikeText(beginning)
  return {
    path,
    type: detectType(path, beginning),
    bytes: seen.bytes,
    lines: text ? seen.lines + (seen.last === newline ? 0 : 1) : 0,
    words: text ? seen.words : 0,
    sha256: hash.digest('hex'),
    gzipRatio: seen.bytes === 0 ? 1 : Number((seen.gzipped / seen.bytes).toFixed(4)),
  }
}

/** Adds a chunk to the counts. A word begins where a byte above space follows one up to space. */
function countText(chunk: Buffer, seen: { bytes: number; lines: number; words: number; last: number }): void {
  let last = seen.last
  for (const byte of chunk) {
    if (byte === newline) seen.lines++
    else if (byte > 0x20 && last <= 0x20) seen.words++
    last = byte
  }
  seen.last = last
  seen.bytes += chunk.length
}
