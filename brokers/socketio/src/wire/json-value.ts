/** Values that arrive as they were sent: JSON alone, of a bounded depth and size. */
import type { Json } from '@lovage/core'
import { limits } from './limits.ts'
import { accepted, type Decoded, isPlainObject, type Reader, refused } from './reader.ts'

/** The properties of a task. A list passes, as it does in a worker of L0. */
export type Properties = { readonly [name: string]: Json } | readonly Json[]

/** Reads a value of JSON. Bytes (binary attachments of socket.io), dates and whatever has a class are refused. */
export const jsonValue: Reader<Json> = (value, at) => {
  const problem = problemOf(value, at, limits.depth)
  if (problem !== undefined) return problem
  if (mostBytes(value as Json) <= limits.payloadBytes) return accepted(value as Json)
  const bytes = sizeOf(JSON.stringify(value))
  if (bytes <= limits.payloadBytes) return accepted(value as Json)
  return refused(at, `at most ${limits.payloadBytes} bytes of JSON`, `${bytes} bytes`)
}

/** Reads an object or a list. */
export const properties: Reader<Properties> = (value, at) =>
  Array.isArray(value) || isPlainObject(value) ? (jsonValue(value, at) as Decoded<Properties>) : refused(at, 'an object', value)

/** Reads an object. */
export const jsonObject: Reader<{ readonly [name: string]: Json }> = (value, at) =>
  isPlainObject(value) ? (jsonValue(value, at) as Decoded<{ readonly [name: string]: Json }>) : refused(at, 'an object', value)

/**
 * Makes what JSON makes of a value (a Date is a text, what is not written is left out), as the wire will carry it.
 * A value that JSON does not write at all is undefined.
 */
export function toJson(value: unknown, at: string): Decoded<Json | undefined> {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return jsonValue(value, at)
  let written: string | undefined
  try {
    written = JSON.stringify(value)
  } catch (thrown) {
    return refused(at, 'a value that can be written as JSON', thrown instanceof Error ? thrown.message : thrown)
  }
  return written === undefined ? accepted(undefined) : jsonValue(JSON.parse(written), at)
}

function problemOf(value: unknown, at: string, depth: number): ReturnType<typeof refused> | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : refused(at, 'a number of JSON', value)
  const isList = Array.isArray(value)
  if (!isList && !isPlainObject(value)) return refused(at, 'a value of JSON', value)
  if (depth === 0) return refused(at, `at most ${limits.depth} objects and lists deep`, 'more')
  if (isList) return firstProblem(value.entries(), (index) => `${at}[${index}]`, depth)
  return firstProblem(Object.entries(value), (name) => `${at}.${name}`, depth)
}

function firstProblem<Key>(items: Iterable<[Key, unknown]>, place: (key: Key) => string, depth: number) {
  for (const [key, item] of items) {
    const isLeaf = item === null || typeof item === 'string' || typeof item === 'boolean' || Number.isFinite(item)
    const problem = isLeaf ? undefined : problemOf(item, place(key), depth - 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Bytes in UTF-8; counted only where the number of characters leaves it open. */
function sizeOf(written: string): number {
  const isClear = written.length * 3 <= limits.payloadBytes || written.length > limits.payloadBytes
  return isClear ? written.length : new TextEncoder().encode(written).length
}

/** What a value takes at most, as long as that is little: most are clearly small, and need not be written to be measured. */
function mostBytes(value: Json): number {
  if (typeof value === 'string') return 2 + 6 * value.length
  if (typeof value !== 'object' || value === null) return 25
  let bytes = 2
  if (Array.isArray(value)) for (const item of value) bytes += 1 + mostBytes(item as Json)
  else for (const [name, item] of Object.entries(value)) bytes += 4 + 6 * name.length + mostBytes(item as Json)
  return bytes
}
