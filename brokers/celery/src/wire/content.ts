/** Content types of messages: which are read, which are refused, and how bytes become values. */
import { Buffer, isAscii, isUtf8 } from 'node:buffer'
import { LovageError, ProtocolError, shown } from '@lovage/core'
import { canDecompress, decompress } from './compression.ts'
import { decodeMsgpack, encodeMsgpack } from './msgpack.ts'
import { type PythonValue, parsePython, writePython } from './python-json.ts'
import { decodeYaml, encodeYaml } from './yaml-text.ts'

/** The names of serializers that Lovage speaks, as Celery's settings have them. */
export const serializers = ['json', 'yaml', 'msgpack'] as const
export type Serializer = (typeof serializers)[number]

interface Codec {
  readonly contentType: string
  readonly contentEncoding: 'utf-8' | 'binary'
  decode(body: Buffer, encoding: string): PythonValue
  encode(value: unknown): Uint8Array
}

const codecs: Readonly<Record<Serializer, Codec>> = {
  json: {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    decode: (body, encoding) => parsePython(textOf(body, encoding)),
    encode: (value) => Buffer.from(writePython(value), 'latin1'),
  },
  yaml: {
    contentType: 'application/x-yaml',
    contentEncoding: 'utf-8',
    decode: (body, encoding) => decodeYaml(textOf(body, encoding)),
    encode: (value) => Buffer.from(encodeYaml(value), 'utf8'),
  },
  msgpack: {
    contentType: 'application/x-msgpack',
    contentEncoding: 'binary',
    decode: decodeMsgpack,
    encode: encodeMsgpack,
  },
}

/** What a message says of a body in this form. */
export function contentTypeOf(serializer: Serializer): string {
  return codecs[serializer].contentType
}

const nameOfType = new Map(serializers.map((name) => [codecs[name].contentType, name] as const))
/** Raw text and bytes, which kombu never refuses, and which are no task. */
const rawTypes: ReadonlySet<string> = new Set(['application/data', 'application/text'])
/** Encodings that are none: kombu leaves such bodies as they are. */
const rawEncodings: ReadonlySet<string> = new Set(['ascii-8bit', 'binary'])

/** What a worker accepts: `accept_content`. Default only `json`. */
export type AcceptedContent = ReadonlySet<Serializer>
export const acceptJson: AcceptedContent = acceptOnly('json')

export function acceptOnly(...names: readonly Serializer[]): AcceptedContent {
  return new Set(names)
}

/** A body and what its properties say of it. */
export interface EncodedContent {
  readonly contentType: string
  readonly contentEncoding: string
  readonly body: Uint8Array
  /** The header `compression`. */
  readonly compression?: string | undefined
}

export type ContentDecoding =
  | { readonly ok: true; readonly value: PythonValue }
  | { readonly ok: false; readonly kind: 'refused-content' | 'undecodable'; readonly message: string }

/** Reads a body, compressed or not. Never throws: content that is not accepted is not looked into. */
export function decodeContent(content: EncodedContent, accept: AcceptedContent = acceptJson, maxBytes?: number): ContentDecoding {
  const { contentType } = content
  const name = nameOfType.get(contentType)
  if (name === undefined || !accept.has(name)) {
    if (contentType === '' || rawTypes.has(contentType)) return decodeWith(decodeRaw, content, maxBytes)
    const accepted = [...accept].map((serializer) => codecs[serializer].contentType).join(', ')
    return { ok: false, kind: 'refused-content', message: `expected content of ${accepted}, got: ${shown(contentType)}` }
  }
  return decodeWith(codecs[name].decode, content, maxBytes)
}

function decodeWith(decode: Codec['decode'], content: EncodedContent, maxBytes: number | undefined): ContentDecoding {
  const { compression } = content
  if (compression !== undefined && !canDecompress(compression)) {
    return {
      ok: false,
      kind: 'refused-content',
      message: `expected a compression that can be read here, got: ${shown(compression)}`,
    }
  }
  try {
    const body = compression === undefined ? content.body : decompress(compression, content.body, maxBytes)
    return { ok: true, value: decode(bufferOf(body), content.contentEncoding) }
  } catch (error) {
    const said = LovageError.is(error) ? error.rawMessage : shown(error)
    return { ok: false, kind: 'undecodable', message: said }
  }
}

function decodeRaw(body: Buffer, encoding: string): PythonValue {
  const value = rawEncodings.has(encoding.toLowerCase()) || encoding === '' ? new Uint8Array(body) : textOf(body, encoding)
  return { carried: value, revived: value }
}

/** Writes a value. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function encodeContent(value: unknown, serializer: Serializer = 'json'): EncodedContent {
  const { contentType, contentEncoding, encode } = codecs[serializer]
  return { contentType, contentEncoding, body: encode(value) }
}

/** The same bytes as a Buffer, without a copy. */
function bufferOf(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

/** @throws {ProtocolError} PROTOCOL_INVALID for encodings that nobody uses, and bytes that are not in theirs */
function textOf(body: Buffer, encoding: string): string {
  if (isAscii(body)) return body.toString('latin1')
  switch (encoding.toLowerCase().replaceAll('_', '-')) {
    case 'latin-1':
    case 'latin1':
    case 'iso-8859-1':
      return body.toString('latin1')
    case '':
    case 'utf-8':
    case 'utf8':
    case 'binary':
      if (isUtf8(body)) return body.toString('utf8')
  }
  throw new ProtocolError(
    'PROTOCOL_INVALID',
    `expected text in the content encoding of its message, got none in ${shown(encoding)}`,
  )
}
