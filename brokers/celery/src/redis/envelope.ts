/** kombu's envelope (celery.md 16): one JSON object per message in a list or on a channel. */
import type { Arrival, Publication } from '../transport.ts'
import { parsePython, readPython, writePython } from '../wire/python-json.ts'

/** Writes a message for the wire, with a delivery tag of its own. */
export function writeEnvelope({ exchange, routingKey, properties, body }: Publication, deliveryTag: string): string {
  const { contentType, contentEncoding, headers, correlationId, replyTo, deliveryMode, priority, expirationMs } = properties
  return writePython({
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64'),
    'content-encoding': contentEncoding,
    'content-type': contentType,
    headers,
    properties: {
      ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
      ...(replyTo === undefined ? {} : { reply_to: replyTo }),
      ...(expirationMs === undefined ? {} : { expiration: String(expirationMs) }),
      delivery_mode: deliveryMode ?? 2,
      delivery_info: { exchange, routing_key: routingKey },
      priority: priority ?? 0,
      body_encoding: 'base64',
      delivery_tag: deliveryTag,
    },
  })
}

type Fields = Readonly<Record<string, unknown>>

/** Reads a message; undefined for what is none of kombu's. */
export function readEnvelope(text: string): Arrival | undefined {
  const message = objectOf(readPython, text)
  const properties = fieldsOf(message?.properties)
  const info = fieldsOf(properties?.delivery_info)
  if (message === undefined || properties === undefined || info === undefined) return undefined
  const { correlation_id, reply_to, delivery_mode, priority, expiration } = properties
  const expirationMs = Number(expiration ?? Number.NaN)
  return {
    exchange: textOf(info.exchange) ?? '',
    routingKey: textOf(info.routing_key) ?? '',
    redelivered: info.redelivered === true,
    body: bodyOf(message.body, properties.body_encoding),
    properties: {
      contentType: textOf(message['content-type']) ?? '',
      contentEncoding: textOf(message['content-encoding']) ?? '',
      headers: fieldsOf(message.headers) ?? {},
      correlationId: textOf(correlation_id),
      replyTo: textOf(reply_to),
      deliveryMode: delivery_mode === 1 || delivery_mode === 2 ? delivery_mode : undefined,
      priority: typeof priority === 'number' ? priority : undefined,
      expirationMs: Number.isNaN(expirationMs) ? undefined : expirationMs,
    },
  }
}

/** Marks a message as one that was delivered before, in both places in which it is looked for. */
export function redeliveredEnvelope(text: string): string {
  const message = objectOf((written) => parsePython(written).carried, text)
  return message === undefined ? text : writePython(marked(message))
}

function marked(message: Fields): Fields {
  const properties = fieldsOf(message.properties)
  const info = fieldsOf(properties?.delivery_info)
  if (properties === undefined || info === undefined) return message
  return {
    ...message,
    headers: { ...fieldsOf(message.headers), redelivered: true },
    properties: { ...properties, delivery_info: { ...info, redelivered: true } },
  }
}

/** An entry of `unacked`: the message with the exchange and the routing key that led to its queue. */
export interface UnackedEntry {
  /** The message as it is, but for white space. */
  readonly envelope: string
  /** The message, marked as delivered before. */
  readonly redelivered: string
  readonly exchange: string
  readonly routingKey: string
  readonly priority: number | undefined
}

/** Reads an entry of `unacked`; undefined if it is none. */
export function readUnacked(text: string): UnackedEntry | undefined {
  try {
    const [given, exchange, routingKey] = parsePython(text).carried as readonly unknown[]
    const message = fieldsOf(given)
    if (message === undefined || typeof exchange !== 'string' || typeof routingKey !== 'string') return undefined
    const priority = Number(fieldsOf(message.properties)?.priority ?? Number.NaN)
    return {
      envelope: writePython(message),
      redelivered: writePython(marked(message)),
      exchange,
      routingKey,
      priority: Number.isNaN(priority) ? undefined : priority,
    }
  } catch {
    return undefined
  }
}

/** Writes an entry of `unacked`. */
export function unackedText(envelope: string, exchange: string, routingKey: string): string {
  return `[${envelope}, ${JSON.stringify(exchange)}, ${JSON.stringify(routingKey)}]`
}

/** What is none of kombu's, as bytes of a content type that nobody takes for a task: whoever gets it says so. */
export function foreignArrival(text: string): Arrival {
  const properties = { contentType: 'application/data', contentEncoding: 'binary', headers: {} }
  return { exchange: '', routingKey: '', redelivered: false, body: Buffer.from(text), properties }
}

/** Undefined for what is no object of JSON. */
function objectOf(read: (text: string) => unknown, text: string): Fields | undefined {
  try {
    return fieldsOf(read(text))
  } catch {
    return undefined
  }
}

function bodyOf(body: unknown, encoding: unknown): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8')
  return Buffer.from(writePython(body))
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
