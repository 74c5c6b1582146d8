/** The frames of the original's first weeks: a worker joins with a name and what configures its tasks, and responds. */
import { type Json, shown } from '@lovage/core'
import { type Decoded, isPlainObject, refused } from './reader.ts'
import { decodeRegistration, type Registration, schemaReader } from './registration.ts'

/** As a config names its types. Anything of a type without a counterpart in JSON Schema is taken. */
const schemas: Readonly<Record<string, { readonly [keyword: string]: Json }>> = {
  string: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  array: { type: 'array' },
  object: { type: 'object' },
  function: {},
  nestable: {},
}

/** Decodes the arguments of `worker.join`: `{ name, config }`, a config by property with `[type, default]`, which is the worker's input. */
export function decodeJoin(args: readonly unknown[]): Decoded<Registration> {
  const [frame] = args
  if (!isPlainObject(frame)) return refused('', 'an object', frame)
  const registration = decodeRegistration([frame.name])
  if (!registration.ok) return registration
  const config = frame.config ?? {}
  if (!isPlainObject(config)) return refused('config', 'an object', config)
  const properties: [string, { readonly [keyword: string]: Json }][] = []
  for (const [name, said] of Object.entries(config)) {
    const type: unknown = Array.isArray(said) ? said[0] : undefined
    const schema = typeof type === 'string' && Object.hasOwn(schemas, type) ? schemas[type] : undefined
    if (schema === undefined)
      return refused(`config.${name}`, `a list that begins with ${Object.keys(schemas).join(' | ')}`, said)
    properties.push([name, schema])
  }
  // All of them have a default.
  const input = schemaReader({ type: 'object', properties: Object.fromEntries(properties) }, 'config')
  if (properties.length === 0 || !input.ok) return input.ok ? registration : input
  return { ok: true, frame: { ...registration.frame, input: input.frame } }
}

/** Makes what a worker of today says of `{ id, response }`; leaves every other frame as it is. */
export function settlementOf(args: readonly unknown[], success: boolean): readonly unknown[] {
  const [frame] = args
  if (!isPlainObject(frame) || !('response' in frame) || 'success' in frame) return args
  const { id, response } = frame
  return [{ id, success, results: success || typeof response === 'string' ? response : shown(response) }]
}
