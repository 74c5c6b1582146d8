/** Messages between this room's words and the library's. */
import type { Message, Options, MessageProperties as WireProperties } from 'amqplib'
import type { Arrival, Publication } from '../transport.ts'
import { fieldTable, headersFrom } from './field-table.ts'

/** What the library wants beside exchange, key and body. */
export function publishOptions({ properties }: Publication, mandatory: boolean): Options.Publish {
  const { contentType, contentEncoding, headers, correlationId, replyTo, deliveryMode = 2, priority, expirationMs } = properties
  return {
    contentType,
    contentEncoding,
    headers: fieldTable(headers),
    deliveryMode,
    mandatory,
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(priority === undefined ? {} : { priority }),
    ...(expirationMs === undefined ? {} : { expiration: String(Math.max(0, Math.ceil(expirationMs))) }),
  }
}

/** The body as the library takes it, without a copy. */
export function bufferOf(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

/** A message as it came. What its properties lack is as kombu reads it: JSON is not assumed. */
export function arrivalOf(message: Message): Arrival {
  const { fields, properties, content } = message
  const wire: Partial<WireProperties> = properties
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    redelivered: fields.redelivered,
    body: content,
    properties: {
      contentType: wire.contentType ?? 'application/data',
      contentEncoding: wire.contentEncoding ?? 'utf-8',
      headers: headersFrom(wire.headers),
      correlationId: wire.correlationId,
      replyTo: wire.replyTo,
      deliveryMode: wire.deliveryMode === 2 ? 2 : 1,
      priority: wire.priority,
      expirationMs: expiration(wire.expiration),
    },
  }
}

function expiration(text: unknown): number | undefined {
  return typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : undefined
}
