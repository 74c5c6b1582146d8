/** Headers and arguments as AMQP tables, written and read with the types that py-amqp uses. */
import type { Headers } from '../transport.ts'

const most32 = 2 ** 31 - 1
const most64 = 2 ** 63

/**
 * Gives what the library writes as Python does: whole numbers as 32-bit integers, larger ones as 64-bit, objects as tables.
 * Its own escape (an object with the key `!`) means nothing here: such an object is a table as well.
 */
export function fieldTable(headers: Headers): Record<string, unknown> {
  // Without a prototype, a name such as `__proto__` is a name like any other.
  const table: Record<string, unknown> = Object.create(null)
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) table[name] = field(value)
  }
  return table
}

function field(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      // RabbitMQ ends the connection over numbers that are not finite.
      return Number.isFinite(value) ? { '!': numberType(value), value } : String(value)
    case 'bigint':
      return value >= -(2n ** 63n) && value < 2n ** 63n ? { '!': 'long', value } : String(value)
    case 'object':
      return container(value)
    default:
      return null
  }
}

function container(value: object | null): unknown {
  if (value === null) return null
  if (Array.isArray(value)) return value.map(field)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof Date) return value.toISOString()
  const table = fieldTable(value as Headers)
  return '!' in table ? { '!': 'object', value: table } : table
}

function numberType(value: number): 'int' | 'long' | 'double' {
  if (!Number.isInteger(value) || value < -most64 || value >= most64) return 'double'
  return value >= -most32 - 1 && value <= most32 ? 'int' : 'long'
}

/**
 * Gives headers as JSON can carry them: times as ISO text, bytes as text, decimals as numbers. A name `__proto__` is lost in the
 * library. Never throws.
 */
export function headersFrom(table: unknown): Headers {
  return typeof table === 'object' && table !== null ? plainTable(table as Headers) : {}
}

/** A copy is made only where something changes: most tables are as JSON would have them. */
function plainTable(table: Headers): Headers {
  // The library lets a name `__proto__` set the prototype.
  let copy: Record<string, unknown> | undefined = Object.getPrototypeOf(table) === Object.prototype ? undefined : { ...table }
  for (const name of Object.keys(table)) {
    const value = table[name]
    if (typeof value !== 'object' || value === null) continue
    const changed = plain(value)
    if (changed === value) continue
    copy ??= { ...table }
    copy[name] = changed
  }
  return copy ?? table
}

function plain(value: object): unknown {
  if (Array.isArray(value)) return plainList(value)
  if (Buffer.isBuffer(value)) return value.toString()
  const marked = value as { readonly '!'?: unknown; readonly value?: unknown }
  if (marked['!'] === 'timestamp' && typeof marked.value === 'number') return time(marked.value)
  if (marked['!'] === 'decimal' && typeof marked.value === 'object') return decimal(marked.value)
  return plainTable(value as Headers)
}

function plainList(list: readonly unknown[]): readonly unknown[] {
  const isPlain = list.every((value) => typeof value !== 'object' || value === null)
  return isPlain ? list : list.map((value) => (typeof value === 'object' && value !== null ? plain(value) : value))
}

/** Epoch seconds; beyond what a Date can hold they stay a number. */
function time(seconds: number): unknown {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? seconds : date.toISOString()
}

function decimal(value: unknown): number {
  const { places = 0, digits = 0 } = (value ?? {}) as { places?: number; digits?: number }
  return digits / 10 ** places
}
