/** Events on Celery's wire: single ones, batches, and what others make of them. */
import { Buffer } from 'node:buffer'
import type { Arrival, Publication } from '../transport.ts'
import { type AcceptedContent, decodeContent } from './content.ts'
import { isRecord } from './embed.ts'
import { writePython } from './python-json.ts'
import { textHeader } from './task-headers.ts'

/** An event, whatever its type. */
export interface EventMessage {
  /** `task-received`, `worker-heartbeat`, ... or a user's own `group-name`. */
  readonly type: string
  /** The node that it comes from. */
  readonly hostname: string
  /** Epoch milliseconds, with microseconds as a fraction; undefined where the sender does not say. */
  readonly timestampMs?: number | undefined
  /** Whole hours west of UTC; see `utcOffsetHours`. */
  readonly utcOffset?: number | undefined
  readonly pid?: number | undefined
  /** Of Lamport. */
  readonly clock?: number | undefined
  /** What this type says, in the names of the wire: `uuid`, `runtime`, `loadavg`, ... */
  readonly fields: Readonly<Record<string, unknown>>
}

/** The exchange of events, unless `event_exchange` names another. */
const defaultExchange = 'celeryev'

/** Writes one event under its own routing key. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function encodeEvent(event: EventMessage, exchange: string = defaultExchange): Publication {
  return publication(exchange, event.type.replaceAll('-', '.'), event.hostname, eventObject(event))
}

/**
 * Writes events of one group as a batch. All are of one node; an empty list is allowed, but nobody needs to hear of it.
 * @throws {TaskError} INPUT_UNSERIALIZABLE
 */
export function encodeEventBatch(
  events: readonly EventMessage[],
  hostname: string,
  group = 'task',
  exchange: string = defaultExchange,
): Publication {
  return publication(exchange, `${group}.multi`, hostname, events.map(eventObject))
}

function publication(exchange: string, routingKey: string, hostname: string, content: unknown): Publication {
  const body = Buffer.from(writePython(content), 'latin1')
  return {
    exchange,
    routingKey,
    properties: {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: { hostname },
      deliveryMode: 1,
      priority: 0,
    },
    body,
  }
}

function eventObject({ type, hostname, timestampMs, utcOffset, pid, clock, fields }: EventMessage): object {
  return {
    hostname,
    utcoffset: utcOffset,
    pid,
    clock,
    ...fields,
    timestamp: timestampMs === undefined ? undefined : Math.round(timestampMs * 1000) / 1e6,
    type,
  }
}

/** Reads events, one or a list or none; leaves out what is none. Never throws. */
export function decodeEvents(message: Pick<Arrival, 'properties' | 'body'>, accept?: AcceptedContent): readonly EventMessage[] {
  const { contentType, contentEncoding, headers } = message.properties
  const compression = textHeader(headers.compression)
  const decoded = decodeContent({ contentType, contentEncoding, compression, body: message.body }, accept)
  if (!decoded.ok) return []
  const list: readonly unknown[] = Array.isArray(decoded.value.revived) ? decoded.value.revived : [decoded.value.revived]
  return list.flatMap((event) => readEvent(event, textHeader(headers.hostname)))
}

function readEvent(value: unknown, sender: string | undefined): readonly EventMessage[] {
  if (!isRecord(value)) return []
  const { type, hostname = sender, timestamp, utcoffset, pid, clock, ...fields } = value
  if (typeof type !== 'string' || type === '' || typeof hostname !== 'string') return []
  const at = numberOf(timestamp)
  const timestampMs = at === undefined ? undefined : Math.round(at * 1e6) / 1000
  return [{ type, hostname, timestampMs, utcOffset: numberOf(utcoffset), pid: numberOf(pid), clock: numberOf(clock), fields }]
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/**
 * Celery's `utcoffset` of a zone: whole hours west of UTC, rounded down.
 * @param minutesWest what `Date.prototype.getTimezoneOffset` says
 */
export function utcOffsetHours(minutesWest: number): number {
  return Math.floor(minutesWest / 60)
}
