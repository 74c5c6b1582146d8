/** Remote control on Celery's wire (pidbox): requests, replies, and whom a request means. */
import { Buffer } from 'node:buffer'
import { shown } from '@lovage/core'
import type { Arrival, Publication } from '../transport.ts'
import { type AcceptedContent, decodeContent } from './content.ts'
import { isRecord } from './embed.ts'
import { type NodeMatcher, nodeMatcher } from './node-matcher.ts'
import { writePython } from './python-json.ts'
import { textHeader } from './task-headers.ts'

/** Where an answer goes. */
export interface ReplyAddress {
  readonly exchange: string
  readonly routingKey: string
}

export interface ControlRequest {
  readonly method: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Undefined or empty is all. A text is taken as Python does: each node whose name is part of it. */
  readonly destination?: readonly string[] | string | undefined
  /** Only with a matcher, and only where there is no destination. */
  readonly pattern?: string | undefined
  readonly matcher?: NodeMatcher | undefined
  /** Both, where an answer is wanted. */
  readonly ticket?: string | undefined
  readonly replyTo?: ReplyAddress | undefined
  /** Of Lamport. */
  readonly clock: number
  /** Epoch milliseconds; undefined is never. Nobody checks it. */
  readonly expiresMs?: number | undefined
}

export type ControlDecoding =
  | { readonly ok: true; readonly request: ControlRequest }
  | { readonly ok: false; readonly message: string }

/** Writes a request to all nodes of a namespace (`control_exchange`). @throws {TaskError} INPUT_UNSERIALIZABLE */
export function encodeControlRequest(request: ControlRequest, namespace = 'celery'): Publication {
  const { method, destination, pattern, matcher, ticket, replyTo, clock, expiresMs } = request
  const body = {
    method,
    arguments: request.arguments,
    destination: destination ?? null,
    pattern: pattern ?? null,
    matcher: matcher ?? null,
    ...(replyTo === undefined ? {} : { ticket, reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey } }),
  }
  const headers = { clock, expires: expiresMs === undefined ? 0 : Math.round(expiresMs * 1000) / 1e6 }
  return publication({ exchange: `${namespace}.pidbox`, routingKey: '' }, headers, body, 2)
}

/** Reads a request. Never throws: a malformed one is logged and stays without an answer. */
export function decodeControlRequest(message: Pick<Arrival, 'properties' | 'body'>, accept?: AcceptedContent): ControlDecoding {
  const decoded = read(message, accept)
  if (!decoded.ok) return decoded
  const body = decoded.value
  if (!isRecord(body)) return malformed('a request to be an object', body)
  const { method, destination, pattern, matcher, ticket } = body
  if (typeof method !== 'string' || method === '') return malformed('`method` to be a name', method)
  const named = body.arguments ?? {}
  if (!isRecord(named)) return malformed('`arguments` to be an object', named)
  const target = destination === null || destination === '' ? undefined : destination
  if (target !== undefined && !isDestination(target)) return malformed('`destination` to be a list of node names', destination)
  const matched = readMatcher(pattern, matcher)
  if (matched === undefined)
    return malformed('`pattern` and `matcher` to be a glob, or a regular expression and pcre', [pattern, matcher])
  const { clock, expires } = message.properties.headers
  const request: ControlRequest = {
    method,
    arguments: named,
    destination: target,
    ...matched,
    ticket: textHeader(ticket),
    replyTo: readAddress(body.reply_to),
    clock: typeof clock === 'number' ? clock : 0,
    expiresMs: typeof expires === 'number' && expires > 0 ? expires * 1000 : undefined,
  }
  return { ok: true, request }
}

function malformed(expected: string, value: unknown): ControlDecoding {
  return { ok: false, message: `expected ${expected}, got: ${shown(value)}` }
}

function isDestination(value: unknown): value is string | readonly string[] {
  return typeof value === 'string' || (Array.isArray(value) && value.every((name) => typeof name === 'string'))
}

/** Undefined for a matcher that nobody knows, or a pattern that is none. */
function readMatcher(pattern: unknown, matcher: unknown): Pick<ControlRequest, 'pattern' | 'matcher'> | undefined {
  if (typeof pattern !== 'string' || pattern === '' || matcher === null || matcher === undefined || matcher === '') return {}
  if (matcher !== 'glob' && matcher !== 'pcre') return undefined
  return nodeMatcher(pattern, matcher) === undefined ? undefined : { pattern, matcher }
}

function readAddress(value: unknown): ReplyAddress | undefined {
  if (!isRecord(value) || typeof value.routing_key !== 'string') return undefined
  return { exchange: textHeader(value.exchange) ?? '', routingKey: value.routing_key }
}

/** Tells whether a request means this node. */
export function isAddressed({ destination, pattern, matcher }: ControlRequest, node: string): boolean {
  if (destination !== undefined && destination.length > 0) return destination.includes(node)
  if (pattern === undefined || matcher === undefined) return true
  return nodeMatcher(pattern, matcher)?.(node) ?? false
}

export interface ControlAnswer {
  /** The node that answers. */
  readonly node: string
  readonly value: unknown
  /** Of the request. */
  readonly ticket: string | undefined
  /** Of Lamport. */
  readonly clock: number
}

/** Writes an answer. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function encodeControlReply({ node, value, ticket, clock }: ControlAnswer, to: ReplyAddress): Publication {
  return publication(to, { ticket: ticket ?? null, clock }, { [node]: value ?? null }, 1)
}

/** Reads the answers in a reply, one as a rule. Never throws; what is none is left out. */
export function decodeControlReply(
  message: Pick<Arrival, 'properties' | 'body'>,
  accept?: AcceptedContent,
): readonly ControlAnswer[] {
  const decoded = read(message, accept)
  if (!decoded.ok || !isRecord(decoded.value)) return []
  const { clock, ticket } = message.properties.headers
  const common = { ticket: textHeader(ticket), clock: typeof clock === 'number' ? clock : 0 }
  return Object.entries(decoded.value).map(([node, value]) => ({ node, value, ...common }))
}

/** What an answer says went wrong; undefined where it is no error. */
export function errorOfAnswer({ value }: ControlAnswer): string | undefined {
  return isRecord(value) && typeof value.error === 'string' ? value.error : undefined
}

type Read = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string }

function read({ properties, body }: Pick<Arrival, 'properties' | 'body'>, accept: AcceptedContent | undefined): Read {
  const { contentType, contentEncoding, headers } = properties
  const decoded = decodeContent({ contentType, contentEncoding, compression: textHeader(headers.compression), body }, accept)
  return decoded.ok ? { ok: true, value: decoded.value.revived } : { ok: false, message: decoded.message }
}

function publication(
  { exchange, routingKey }: ReplyAddress,
  headers: Readonly<Record<string, unknown>>,
  content: unknown,
  deliveryMode: 1 | 2,
): Publication {
  const body = Buffer.from(writePython(content), 'latin1')
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8', headers, deliveryMode, priority: 0 }
  return { exchange, routingKey, properties, body }
}
