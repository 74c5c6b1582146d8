/** Writes task messages of version 2 of the protocol, in the form of Celery 5.6. */
import { Buffer } from 'node:buffer'
import type { MessageProperties, Publication } from '../transport.ts'
import { compress, compressionName } from './compression.ts'
import { type EncodedContent, encodeContent, type Serializer } from './content.ts'
import { embedObject, writeEmbed } from './embed.ts'
import { writeIsoTime } from './iso-time.ts'
import { writePython } from './python-json.ts'
import { pythonRepr, tupleRepr } from './python-repr.ts'
import type { TaskRequest } from './task-message.ts'

export interface EncodeTaskOptions {
  /** Default `json`. */
  readonly serializer?: Serializer | undefined
  /** A name that `compressionName` knows. */
  readonly compression?: string | undefined
  /** Default 2. */
  readonly deliveryMode?: 1 | 2 | undefined
  /** See `MessageProperties`: how long until the request expires. */
  readonly expirationMs?: number | undefined
}

/** A message without its address. */
export type EncodedTask = Pick<Publication, 'properties' | 'body'>

/**
 * Writes a request. Its payload goes out as it came while it is what came (see `ReceivedPayload`) and the options ask for no other
 * form.
 * @throws {TaskError} INPUT_UNSERIALIZABLE
 * @throws {ConfigError} OPTION_INVALID for a compression that cannot be written
 */
export function encodeTask(request: TaskRequest, options: EncodeTaskOptions = {}): EncodedTask {
  const content = contentOf(request, options)
  return { properties: taskProperties(request, content, taskHeaders(request, content.compression), options), body: content.body }
}

function contentOf(request: TaskRequest, options: EncodeTaskOptions): EncodedContent {
  const { args, kwargs, embed, received } = request
  const isOther = options.serializer !== undefined || options.compression !== undefined
  if (!isOther && received?.args === args && received.kwargs === kwargs && received.embed === embed) return received
  const { serializer = 'json' } = options
  if (serializer !== 'json') return compressed(encodeContent([args, kwargs, embedObject(embed)], serializer), options)
  const text = `[${writePython(args)},${writePython(kwargs)},${writeEmbed(embed)}]`
  return compressed({ contentType: 'application/json', contentEncoding: 'utf-8', body: Buffer.from(text, 'latin1') }, options)
}

/** A body as it goes out, compressed where the options say so. @throws {ConfigError} OPTION_INVALID */
export function compressed(content: EncodedContent, { compression }: EncodeTaskOptions): EncodedContent {
  if (compression === undefined) return content
  const name = compressionName(compression)
  return { ...content, body: compress(name, content.body), compression: name }
}

/** The properties of a task message. */
export function taskProperties(
  request: TaskRequest,
  content: EncodedContent,
  headers: MessageProperties['headers'],
  options: EncodeTaskOptions,
): MessageProperties {
  return {
    contentType: content.contentType,
    contentEncoding: content.contentEncoding,
    headers,
    correlationId: request.correlationId ?? request.id,
    replyTo: request.replyTo,
    deliveryMode: options.deliveryMode ?? 2,
    priority: request.priority,
    expirationMs: options.expirationMs,
  }
}

function taskHeaders(request: TaskRequest, compression: string | undefined): MessageProperties['headers'] {
  const { etaMs, expiresMs, hardLimitMs, softLimitMs } = request
  const headers: Record<string, unknown> = {
    lang: request.lang ?? 'py',
    task: request.task,
    id: request.id,
    shadow: request.shadow ?? null,
    eta: etaMs === undefined ? null : (writeIsoTime(etaMs) ?? null),
    expires: expiresMs === undefined ? null : (writeIsoTime(expiresMs) ?? null),
    group: request.group ?? null,
    group_index: request.groupIndex ?? null,
    retries: request.retries,
    timelimit: [seconds(hardLimitMs), seconds(softLimitMs)],
    root_id: request.rootId ?? request.id,
    parent_id: request.parentId ?? null,
    argsrepr: request.argsRepr ?? tupleRepr(request.args),
    kwargsrepr: request.kwargsRepr ?? pythonRepr(request.kwargs),
    origin: request.origin ?? null,
    ignore_result: request.ignoreResult ?? null,
    replaced_task_nesting: request.replacedTaskNesting ?? 0,
    stamped_headers: request.stampedHeaders ?? null,
    stamps: request.stamps ?? {},
  }
  for (const name of Object.keys(request.headers)) headers[name] ??= request.headers[name]
  if (compression !== undefined) headers.compression = compression
  return headers
}

/** Of a time limit, for the wire. */
export function seconds(limitMs: number | undefined): number | null {
  return limitMs === undefined ? null : limitMs / 1000
}
