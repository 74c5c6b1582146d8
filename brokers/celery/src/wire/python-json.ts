/** Python's dialect of JSON: NaN and Infinity, whole numbers of any size, floats that are whole, and typed values. */
import { Buffer, isUtf8 } from 'node:buffer'
import { ProtocolError, shown, TaskError } from '@lovage/core'
import { reviveTyped } from './python-type.ts'

/** JSON texts that travel as they are, ES2026: `JSON.stringify` writes them without a look. */
interface RawJson {
  readonly rawJSON: string
}
const rawJson = JSON as unknown as { rawJSON(text: string): RawJson; isRawJSON(value: unknown): value is RawJson }

/** Whole numbers of 16 digits and more, which `JSON.parse` may round. Matches in texts only cost time, here and below. */
const longNumber = /[\s,:[-]\d{16}|^\d{16}/
/** Floats that are whole, as Python writes them: `1.0`, `1e+16`. */
const wholeFloat = /\.0+(?:[\s,\]}]|$)/
const hugeFloat = /\de\+/

/** Whether a text has what `JSON.parse` would lose. Most have not, and looking for a rare character is cheaper than any pattern. */
function mayBeExotic(text: string): boolean {
  return (
    longNumber.test(text) ||
    (text.includes('.0') && wholeFloat.test(text)) ||
    (text.includes('+') && hugeFloat.test(text)) ||
    text.includes('__type__')
  )
}

/** One text, or one word that JSON does not know. */
const textsAndWords = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/gs
/** Numbers of JSON that nobody writes stand for the words while others hold the pen. */
const numberOfWord: Readonly<Record<string, string>> = { NaN: '0e999', Infinity: '1e999', '-Infinity': '-1e999' }
const wordOfNumber: Readonly<Record<string, string>> = { '0e999': 'NaN', '1e999': 'Infinity', '-1e999': '-Infinity' }
const textsAndNumbers = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[01]e999/gs

/** A parsed text: as it is to be passed on, and as a handler sees it. The same object where that is the same. */
export interface PythonValue {
  readonly carried: unknown
  readonly revived: unknown
}

/**
 * Reads Python's JSON. In `carried`, numbers that JavaScript would write otherwise are raw JSON texts, and typed values stay objects:
 * written again it means the same to Python. In `revived`, such numbers are numbers or, above 2^53, bigints; datetime, date, time,
 * decimal and uuid are their texts, bytes are a Uint8Array.
 * @throws {ProtocolError} PROTOCOL_INVALID when it is no JSON, or has a type that Python would not know either
 * @see https://docs.python.org/3/library/json.html#standard-compliance-and-interoperability
 */
export function parsePython(text: string): PythonValue {
  try {
    const isExotic = mayBeExotic(text)
    const carried = isExotic ? JSON.parse(text, keepExact) : JSON.parse(text)
    return { carried, revived: isExotic ? revivePython(carried) : carried }
  } catch (cause) {
    if (ProtocolError.is(cause)) throw cause
    return parseWithWords(text, cause)
  }
}

/**
 * The `revived` of `parsePython`. Looking at the values costs less than looking at the text where there are few, and long texts.
 * @throws {ProtocolError} PROTOCOL_INVALID, as `parsePython`
 */
export function readPython(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (isPlain(value)) return value
  } catch {
    // It has words of Python's, or is nested deeper than the stack is.
  }
  return parsePython(text).revived
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value)
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isPlain)
  for (const name in value) {
    if (name === '__type__' || !isPlain((value as Readonly<Record<string, unknown>>)[name])) return false
  }
  return true
}

function parseWithWords(text: string, cause: unknown): PythonValue {
  const replaced = text.replace(textsAndWords, (found) => numberOfWord[found] ?? found)
  try {
    if (replaced === text) throw cause
    const carried: unknown = JSON.parse(replaced, keepExact)
    return { carried, revived: revivePython(carried) }
  } catch (error) {
    if (ProtocolError.is(error)) throw error
    throw new ProtocolError('PROTOCOL_INVALID', `expected JSON as Python writes it, got: ${shown(text)}`, { cause: error })
  }
}

/** The reviver of `JSON.parse` with the source of each number, ES2026. */
function keepExact(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value
  const { source } = context
  const word = wordOfNumber[source]
  if (word !== undefined) return Number(word)
  const isWritten = /[.eE]/.test(source) ? /[.e]/.test(String(value)) : Number.isSafeInteger(value) && !Object.is(value, -0)
  return isWritten ? value : rawJson.rawJSON(source)
}

/**
 * Makes of a carried value what a handler sees. Answers the same object where nothing is to be changed.
 * @throws {ProtocolError} PROTOCOL_INVALID for a typed value that Python could not read
 */
export function revivePython(carried: unknown): unknown {
  if (typeof carried !== 'object' || carried === null) return carried
  if (rawJson.isRawJSON(carried)) return exactNumber(carried.rawJSON)
  if (Array.isArray(carried)) {
    const items = carried.map(revivePython)
    return items.every((item, index) => item === carried[index] || Number.isNaN(item)) ? carried : items
  }
  if (ArrayBuffer.isView(carried)) return carried
  const entries = Object.entries(carried)
  if (entries.length === 2 && '__type__' in carried && '__value__' in carried) {
    return reviveTyped(carried.__type__, carried.__value__)
  }
  let changed = false
  const revived = entries.map(([name, value]) => {
    const item = revivePython(value)
    changed ||= item !== value && !Number.isNaN(item)
    return [name, item] as const
  })
  return changed ? Object.fromEntries(revived) : carried
}

/** As Python tells a number: with a point or an exponent it is a float. */
function exactNumber(text: string): number | bigint {
  const value = Number(text)
  return /[.eE]/.test(text) || Number.isSafeInteger(value) ? value : BigInt(text)
}

/** The text of an exact number in a carried value; undefined for everything else. */
export function exactText(value: unknown): string | undefined {
  return rawJson.isRawJSON(value) ? value.rawJSON : undefined
}

/** A number that Python reads as a float, even if it is whole. */
export function pythonFloat(value: number): unknown {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? rawJson.rawJSON(`${value}.0`) : value
}

/**
 * Writes a value for Python: ASCII, NaN and Infinity as such, bigints as whole numbers, a Uint8Array as typed bytes, all else as
 * JSON has it (a Date is its text, as everywhere in Lovage). Carried values are written as they came.
 * @throws {TaskError} INPUT_UNSERIALIZABLE
 */
export function writePython(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
    if (text !== undefined && mayMislead(text) && isMisled(value)) text = writeAll(value)
  } catch (cause) {
    text = writeOdd(value, cause)
  }
  if (text === undefined) return 'null'
  return beyondAscii.test(text) ? text.replace(allBeyondAscii, escaped) : text
}

const beyondAscii = /[\u007f-\uffff]/
const allBeyondAscii = /[\u007f-\uffff]/g

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** JSON writes what it does not know as null, and bytes as an object or with their class. */
function mayMislead(text: string): boolean {
  return text.includes('null') || text.includes('{"0":') || text.includes('{}') || text.includes('"type":"Buffer"')
}

function isMisled(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return false
  if (ArrayBuffer.isView(value)) return true
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return true
  for (const name in value) if (isMisled((value as Readonly<Record<string, unknown>>)[name])) return true
  return false
}

function writeOdd(value: unknown, cause: unknown): string | undefined {
  try {
    return writeAll(value)
  } catch {
    throw new TaskError('INPUT_UNSERIALIZABLE', `expected a value that can be written as JSON, got: ${shown(value)}`, { cause })
  }
}

function writeAll(value: unknown): string | undefined {
  const text: string | undefined = JSON.stringify(value, writeOne)
  return text?.replace(textsAndNumbers, (found) => wordOfNumber[found] ?? found)
}

function writeOne(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJson.rawJSON(String(value))
  if (typeof value === 'number' && !Number.isFinite(value)) return rawJson.rawJSON(numberOfWord[String(value)] ?? 'null')
  const original = (this as Record<string, unknown>)[key]
  return original instanceof Uint8Array ? typedBytes(original) : value
}

/** As kombu does: text where the bytes are UTF-8, else base64. */
function typedBytes(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(text)
    ? { __type__: 'bytes', __value__: text.toString('utf8') }
    : { __type__: 'base64', __value__: text.toString('base64') }
}
