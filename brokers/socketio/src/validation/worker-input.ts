/** What a worker takes as properties: the schema of its user, as the worker checks by it and as the server is told of it. */
import { ConfigError, type Schema, TaskError, validate } from '@lovage/core'
import type { Properties } from '../wire/json-value.ts'
import { limits } from '../wire/limits.ts'
import { isPlainObject } from '../wire/reader.ts'
import { type JsonSchema, schemaCheck } from './schema-check.ts'

/** A schema of any Standard Schema library, whose output the handler gets; or a JSON Schema. */
export type InputSchema<Value> = Schema<unknown, Value> | JsonSchema

export interface WorkerInput {
  /** Answers what the handler gets. @throws {TaskError} INPUT_INVALID, and what a schema of a library throws */
  check(properties: Properties): Promise<unknown>
  /** As JSON Schema, where that can be had, and is not too large to be told. */
  readonly schema: JsonSchema | undefined
}

/** Reads the option `input`. @throws {ConfigError} OPTION_INVALID */
export function workerInput(given: InputSchema<unknown>, worker: string): WorkerInput {
  const what = `worker ${worker}`
  if (isStandard(given)) {
    const check = (properties: Properties) => validate(given, properties, { code: 'INPUT_INVALID', task: what })
    return { check, schema: tellable(toldBy(given)) }
  }
  const check = schemaCheck(given)
  if (!check.ok) {
    throw new ConfigError('OPTION_INVALID', `expected \`input\` to be a Standard Schema or a JSON Schema: ${check.reason}`)
  }
  return {
    async check(properties) {
      const problem = check.frame(properties, 'input')
      if (problem === undefined) return properties
      throw new TaskError('INPUT_INVALID', problem, { subject: what })
    },
    schema: given,
  }
}

/** The schemas of some libraries are functions. */
function isStandard(given: InputSchema<unknown>): given is Schema<unknown, unknown> {
  const standard: unknown = (given as { '~standard'?: unknown } | null)?.['~standard']
  return typeof standard === 'object' && standard !== null && typeof (standard as { validate?: unknown }).validate === 'function'
}

/** The part of Standard JSON Schema that is used. @see https://standardschema.dev/json-schema */
interface JsonSchemaSource {
  readonly jsonSchema?: { input?(options: { readonly target: string }): unknown }
}

/** Some schemas have none (transforms, checks of one's own): then the worker alone checks. */
function toldBy(schema: Schema<unknown, unknown>): unknown {
  try {
    return (schema['~standard'] as JsonSchemaSource).jsonSchema?.input?.({ target: 'draft-2020-12' })
  } catch {
    return undefined
  }
}

function tellable(schema: unknown): JsonSchema | undefined {
  if (!isPlainObject(schema) || JSON.stringify(schema).length > limits.schemaCharacters) return undefined
  return schema as JsonSchema
}
