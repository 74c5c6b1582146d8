/** Validation by any Standard Schema library, and the JSON Schema of those that can tell it. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TaskError } from './errors.ts'

/** Any Standard Schema (https://standardschema.dev): zod, valibot, arktype and others. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/**
 * Validates a value and answers the schema's output.
 * @throws {TaskError} INPUT_INVALID or OUTPUT_INVALID with one line per issue
 */
export async function validate<Output>(
  schema: Schema<unknown, Output>,
  value: unknown,
  what: { readonly code: 'INPUT_INVALID' | 'OUTPUT_INVALID'; readonly task: string },
): Promise<Output> {
  let outcome = schema['~standard'].validate(value)
  if (outcome instanceof Promise) outcome = await outcome
  if (outcome.issues === undefined) return outcome.value
  const issues = outcome.issues.map((issue) => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  const side = what.code === 'INPUT_INVALID' ? 'input' : 'output'
  throw new TaskError(what.code, `expected the ${side} of ${what.task} to satisfy its schema, got: ${issues.join('; ')}`, {
    subject: what.task,
  })
}
