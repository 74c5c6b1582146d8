/** Content beside which nothing says what it is written in: in Redis the settings of the cluster alone know. */
import { Buffer } from 'node:buffer'
import { ProtocolError } from '@lovage/core'
import { acceptOnly, contentTypeOf, decodeContent, encodeContent, type Serializer } from './content.ts'
import { type PythonValue, writePython } from './python-json.ts'

export interface StoredContent {
  /** @throws {TaskError} INPUT_UNSERIALIZABLE */
  write(value: unknown): string | Buffer
  /** @throws {ProtocolError} PROTOCOL_INVALID when it is written in another, with what it looks like */
  read(stored: string | Buffer): PythonValue
}

/** @param serializer `result_serializer` */
export function storedContent(serializer: Serializer): StoredContent {
  const accept = acceptOnly(serializer)
  const contentEncoding = serializer === 'msgpack' ? 'binary' : 'utf-8'
  return {
    write: (value) => (serializer === 'json' ? writePython(value) : bufferOf(encodeContent(value, serializer).body)),
    read(stored) {
      const body = typeof stored === 'string' ? Buffer.from(stored) : stored
      const decoded = decodeContent({ contentType: contentTypeOf(serializer), contentEncoding, body }, accept)
      if (decoded.ok && !isPickle(body)) return decoded.value
      const why = decoded.ok || lookOf(body) !== serializer ? '' : `: ${decoded.message}`
      throw new ProtocolError(
        'PROTOCOL_INVALID',
        `expected what is stored in ${serializer}, as \`result_serializer\` says, got what looks like ${lookOf(body)}${why}`,
      )
    },
  }
}

/** Records are objects of some fields, and parts of chords lists of four things: each serializer begins them in its own way. */
function lookOf(body: Buffer): string {
  if (isPickle(body)) return 'pickle, which is never read'
  const first = body[0] ?? 0
  if (first >= 0x80) return 'msgpack'
  return /^\s*[{[]/.test(body.toString('latin1')) ? 'json' : 'yaml'
}

/** Protocols 2 to 5 of pickle; those before them are never the default, and no serializer takes them for its own. */
function isPickle(body: Buffer): boolean {
  const [first, protocol = 0] = body
  return first === 0x80 && protocol >= 2 && protocol <= 5
}

function bufferOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
