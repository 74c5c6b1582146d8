/** Typed values of kombu's JSON, `{"__type__": ..., "__value__": ...}`, as JavaScript sees them. */
import { Buffer } from 'node:buffer'
import { ProtocolError, shown } from '@lovage/core'
import { parseIsoTime } from './iso-time.ts'

const decimal = /^\s*[+-]?(?:(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d+)?|inf(?:inity)?|s?nan\d*)\s*$/i
const timeOfDay = /^\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d(?::?\d\d(?::?\d\d(?:\.\d+)?)?)?)?$/

/**
 * Reads a typed value: dates, times, decimals and UUIDs are their texts, as they are where older versions of kombu send them, and
 * bytes are a Uint8Array.
 * @throws {ProtocolError} PROTOCOL_INVALID for types that Python does not know, and values that it could not read
 * @see https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.utils.json.html
 */
export function reviveTyped(type: unknown, value: unknown): unknown {
  const revived = typeof type === 'string' && Object.hasOwn(readers, type) ? readers[type]?.(value) : undefined
  if (revived === undefined) {
    throw new ProtocolError(
      'PROTOCOL_INVALID',
      `expected a typed value of ${Object.keys(readers).join(', ')}, got: ${shown(type)} with ${shown(value)}`,
    )
  }
  return revived
}

const readers: Readonly<Record<string, (value: unknown) => unknown>> = {
  datetime: (value) => (typeof value === 'string' && parseIsoTime(value) !== undefined ? value : undefined),
  date: (value) => (typeof value === 'string' && parseIsoTime(value) !== undefined ? value.slice(0, 10) : undefined),
  time: (value) => (typeof value === 'string' && timeOfDay.test(value) ? value : undefined),
  decimal: (value) => (typeof value === 'string' && decimal.test(value) ? value : undefined),
  uuid: (value) => uuidText(typeof value === 'object' && value !== null && 'hex' in value ? value.hex : value),
  bytes: (value) => (typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'utf8')) : undefined),
  base64: (value) => (typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : undefined),
}

function uuidText(hex: unknown): string | undefined {
  const digits = typeof hex === 'string' ? hex.replaceAll('-', '').toLowerCase() : ''
  if (!/^[0-9a-f]{32}$/.test(digits)) return undefined
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
