/** MessagePack bodies, for clusters whose `accept_content` has it. */
import type { Buffer } from 'node:buffer'
import { ProtocolError, shown, TaskError } from '@lovage/core'
import type * as MessagePack from '@msgpack/msgpack'
import { onDemand } from './on-demand.ts'
import { plainValue } from './plain-value.ts'
import { type PythonValue, revivePython } from './python-json.ts'

const library = onDemand<typeof MessagePack>('@msgpack/msgpack')

/** Reads a body. Floats that are whole come as whole numbers. @throws {ProtocolError} PROTOCOL_INVALID */
export function decodeMsgpack(body: Buffer): PythonValue {
  try {
    const value = plainValue(library().decode(body, { useBigInt64: true }))
    return { carried: value, revived: value }
  } catch (cause) {
    throw new ProtocolError('PROTOCOL_INVALID', `expected MessagePack, got ${body.length} bytes that are not: ${shown(cause)}`, {
      cause,
    })
  }
}

/** Writes a body. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function encodeMsgpack(value: unknown): Uint8Array {
  try {
    return library().encode(wideNumbers(revivePython(value)), { useBigInt64: true, ignoreUndefined: true })
  } catch (cause) {
    throw new TaskError('INPUT_UNSERIALIZABLE', `expected a value that MessagePack can write, got: ${shown(value)}`, { cause })
  }
}

/** Whole numbers beyond 32 bits are bigints to the library, else it writes floats; a Date is its text, as everywhere. */
function wideNumbers(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) && Math.abs(value) > 0x7fff_ffff ? BigInt(value) : value
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(wideNumbers)
  if ('toJSON' in value && typeof value.toJSON === 'function') return wideNumbers(value.toJSON())
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, wideNumbers(item)]))
}
