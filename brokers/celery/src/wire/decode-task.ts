/** Reads task messages of both versions of the protocol, and says of bad ones what they are. */
import { shown } from '@lovage/core'
import type { Arrival } from '../transport.ts'
import { type AcceptedContent, decodeContent, type EncodedContent } from './content.ts'
import { isRecord, readEmbed } from './embed.ts'
import type { PythonValue } from './python-json.ts'
import { countHeader, customHeaders, limitsHeader, stampedHeader, stampsHeader, textHeader, timeHeader } from './task-headers.ts'
import type { Embed, TaskDecoding, TaskFaultKind, TaskRequest } from './task-message.ts'

type Fields = Readonly<Record<string, unknown>>

export interface DecodeTaskOptions {
  /** Default only JSON. */
  readonly accept?: AcceptedContent | undefined
  /** The most bytes that a compressed body may hold. Default 256 MiB. */
  readonly maxBytes?: number | undefined
}

/**
 * Reads a message as a Celery worker does: version 2 by its header `task`, else version 1; and version 2 with the body of version 1.
 * Never throws; what is no task is told as data.
 * @see https://docs.celeryq.dev/en/stable/internals/protocol.html
 */
export function decodeTask(message: Pick<Arrival, 'properties' | 'body'>, options: DecodeTaskOptions = {}): TaskDecoding {
  try {
    return decodeMessage(message, options)
  } catch (error) {
    // A body can be nested deeper than the stack is.
    return fault('undecodable', `expected a body that can be read, got: ${shown(error)}`, message.properties.headers)
  }
}

function decodeMessage({ properties, body }: Pick<Arrival, 'properties' | 'body'>, options: DecodeTaskOptions): TaskDecoding {
  const headers = properties.headers
  const content: EncodedContent = {
    contentType: properties.contentType,
    contentEncoding: properties.contentEncoding,
    compression: textHeader(headers.compression),
    body,
  }
  const decoded = decodeContent(content, options.accept, options.maxBytes)
  if (!decoded.ok) return fault(decoded.kind, decoded.message, headers)
  const { revived } = decoded.value
  if (typeof headers.task === 'string') {
    return isRecord(revived) && 'args' in revived
      ? decodeObject(decoded.value, { ...revived, ...headers }, headers, properties)
      : decodeTriple(decoded.value, content, properties)
  }
  if (isRecord(revived) && typeof revived.task === 'string') {
    return decodeObject(decoded.value, { ...revived, group: revived.taskset ?? revived.group }, headers, properties)
  }
  return fault('nameless', `expected a message that names a task, got: ${shown(revived)}`, headers)
}

/** Drops what nobody can read; what others might want goes to the dead letters. */
function fault(kind: TaskFaultKind, message: string, fields: Fields): TaskDecoding {
  const task = textHeader(fields.task)
  const id = textHeader(fields.id)
  return { ok: false, fault: { kind, verdict: kind === 'undecodable' ? 'ack' : 'reject', message, task, id } }
}

/** Version 2: `[args, kwargs, embed]`. */
function decodeTriple(value: PythonValue, content: EncodedContent, properties: Arrival['properties']): TaskDecoding {
  const { headers } = properties
  const { carried, revived } = value
  if (!Array.isArray(revived) || !Array.isArray(carried) || revived.length !== 3) {
    return fault('invalid', `expected a body of args, kwargs and embed, got: ${shown(revived)}`, headers)
  }
  const [args, kwargs] = revived
  const embed = readEmbed(carried[2], carried !== revived)
  const wrong = wrongArguments(args, kwargs, embed)
  if (wrong !== undefined || typeof embed === 'string') return fault('invalid', wrong ?? '', headers)
  const received = {
    args,
    kwargs,
    embed,
    carriedArgs: carried[0],
    carriedKwargs: carried[1],
    contentType: content.contentType,
    contentEncoding: content.contentEncoding,
    compression: content.compression,
    body: content.body,
  }
  return decodeFields(headers, customHeaders(headers), properties, { args, kwargs, embed, received })
}

/** Version 1, and its body under headers of version 2. */
function decodeObject(value: PythonValue, fields: Fields, headers: Fields, properties: Arrival['properties']): TaskDecoding {
  const body = value.carried as Fields
  const { args = [], kwargs = {} } = value.revived as Fields
  const { callbacks, errbacks, chord } = body
  const embed = readEmbed({ callbacks, errbacks, chord }, value.carried !== value.revived)
  const wrong = wrongArguments(args, kwargs, embed)
  if (wrong !== undefined || typeof embed === 'string') return fault('invalid', wrong ?? '', fields)
  const parts = { args, kwargs, embed } as Pick<TaskRequest, 'args' | 'kwargs' | 'embed'>
  return decodeFields(fields, customHeaders(headers), properties, parts)
}

function wrongArguments(args: unknown, kwargs: unknown, embed: Embed | string): string | undefined {
  if (!Array.isArray(args)) return `expected \`args\` to be a list, got: ${shown(args)}`
  if (!isRecord(kwargs)) return `expected \`kwargs\` to be an object, got: ${shown(kwargs)}`
  return typeof embed === 'string' ? embed : undefined
}

function decodeFields(
  fields: Fields,
  headers: Fields,
  properties: Arrival['properties'],
  parts: Pick<TaskRequest, 'args' | 'kwargs' | 'embed' | 'received'>,
): TaskDecoding {
  const { task, id } = fields
  if (typeof task !== 'string') return fault('nameless', `expected \`task\` to be a text, got: ${shown(task)}`, fields)
  if (typeof id !== 'string' || id === '') return fault('without-id', `expected \`id\` to be a text, got: ${shown(id)}`, fields)
  const etaMs = timeHeader(fields.eta)
  const expiresMs = timeHeader(fields.expires)
  if (etaMs === null) return fault('invalid', `expected \`eta\` to be an ISO time, got: ${shown(fields.eta)}`, fields)
  if (expiresMs === null) return fault('invalid', `expected \`expires\` to be an ISO time, got: ${shown(fields.expires)}`, fields)
  const [hardLimitMs, softLimitMs] = limitsHeader(fields.timelimit)
  const request: TaskRequest = {
    id,
    task,
    args: parts.args,
    kwargs: parts.kwargs,
    embed: parts.embed,
    received: parts.received,
    lang: textHeader(fields.lang),
    rootId: textHeader(fields.root_id),
    parentId: textHeader(fields.parent_id),
    group: textHeader(fields.group),
    groupIndex: countHeader(fields.group_index),
    retries: countHeader(fields.retries) ?? 0,
    etaMs,
    expiresMs,
    hardLimitMs,
    softLimitMs,
    argsRepr: textHeader(fields.argsrepr),
    kwargsRepr: textHeader(fields.kwargsrepr),
    origin: textHeader(fields.origin),
    shadow: textHeader(fields.shadow),
    ignoreResult: typeof fields.ignore_result === 'boolean' ? fields.ignore_result : undefined,
    replacedTaskNesting: countHeader(fields.replaced_task_nesting),
    stampedHeaders: stampedHeader(fields.stamped_headers),
    stamps: stampsHeader(fields.stamps),
    headers,
    replyTo: properties.replyTo,
    correlationId: properties.correlationId,
    priority: properties.priority,
  }
  return { ok: true, request }
}
