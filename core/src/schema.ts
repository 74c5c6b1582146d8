/** Validation by any Standard Schema library, and the JSON Schema of those that can tell it. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TaskError } from './errors.ts'

/** Any Standard Schema (https://standardschema.dev): zod, valibot, arktype and others. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/** A list of ten thousand items may have ten thousand issues; a message names the first of them. */
const mostIssues = 10

/**
 * Validates a value and answers the schema's output.
 * @throws {TaskError} INPUT_INVALID or OUTPUT_INVALID, naming the issues (at most ten) with their paths
 */
export async function validate<Output>(
  schema: Schema<unknown, Output>,
  value: unknown,
  what: { readonly code: 'INPUT_INVALID' | 'OUTPUT_INVALID'; readonly task: string },
): Promise<Output> {
  const outcome = await schema['~standard'].validate(value)
  if (outcome.issues === undefined) return outcome.value
  const issues = outcome.issues.slice(0, mostIssues).map((issue) => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  const rest = outcome.issues.length - issues.length
  if (rest > 0) issues.push(`and ${rest} more`)
  const side = what.code === 'INPUT_INVALID' ? 'input' : 'output'
  throw new TaskError(what.code, `expected the ${side} of ${what.task} to satisfy its schema, got: ${issues.join('; ')}`, {
    subject: what.task,
  })
}
