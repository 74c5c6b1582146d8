/** YAML bodies, for clusters whose `accept_content` has it. */
import { ProtocolError, shown, TaskError } from '@lovage/core'
import type * as Yaml from 'yaml'
import { onDemand } from './on-demand.ts'
import { plainValue } from './plain-value.ts'
import { type PythonValue, revivePython } from './python-json.ts'

const library = onDemand<typeof Yaml>('yaml')

/**
 * Reads what PyYAML's `safe_load` reads: YAML 1.1 without tags that name classes. Floats that are whole come as whole numbers.
 * @throws {ProtocolError} PROTOCOL_INVALID
 */
export function decodeYaml(text: string): PythonValue {
  try {
    const document = library().parseDocument(text, { version: '1.1', intAsBigInt: true, logLevel: 'error', prettyErrors: false })
    const problem = document.errors[0] ?? document.warnings[0]
    if (problem !== undefined) throw problem
    const value = plainValue(document.toJS())
    return { carried: value, revived: value }
  } catch (cause) {
    throw new ProtocolError('PROTOCOL_INVALID', `expected YAML without tags of classes, got: ${shown(text)}`, { cause })
  }
}

/** Writes a text. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function encodeYaml(value: unknown): string {
  try {
    return library().stringify(revivePython(value), { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 })
  } catch (cause) {
    throw new TaskError('INPUT_UNSERIALIZABLE', `expected a value that YAML can write, got: ${shown(value)}`, { cause })
  }
}
