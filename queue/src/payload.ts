/** Payloads: values to JSON texts and back, with limits and clear refusals. */
import { type Failure, type Task, TaskError } from '@lovage/core'

/**
 * Writes a value as JSON; undefined is written as `null`.
 * @param what names the value in the message, for example `input of images.resize`
 * @throws {TaskError} INPUT_UNSERIALIZABLE, PAYLOAD_TOO_LARGE
 */
export function encodePayload(value: unknown, maxPayload: number, what: () => string): string {
  if (value === undefined || value === null) return 'null'
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const why = (cause as Error).message
    throw new TaskError(
      'INPUT_UNSERIALIZABLE',
      `expected the ${what()} to be a JSON value, got one that cannot be written: ${why}`,
      { cause },
    )
  }
  if (text === undefined) {
    throw new TaskError('INPUT_UNSERIALIZABLE', `expected the ${what()} to be a JSON value, got: ${typeof value}`)
  }
  if (text.length > maxPayload) {
    throw new TaskError(
      'PAYLOAD_TOO_LARGE',
      `expected the ${what()} to have at most ${maxPayload} characters as JSON, got: ${text.length}; keep large data elsewhere and send a reference`,
    )
  }
  return text
}

/** Reads a stored JSON text; undefined for undefined. */
export function decodePayload(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text)
}

const longestText = 8_000

/** Cuts what a failure says to a size that can be kept: texts to 8,000 characters. */
export function boundedFailure(failure: Failure): Failure {
  const { message, stack, cause } = failure
  if (message.length <= longestText && (stack?.length ?? 0) <= longestText && cause === undefined) return failure
  return {
    ...failure,
    message: cut(message),
    ...(stack === undefined ? {} : { stack: cut(stack) }),
    ...(cause === undefined ? {} : { cause: boundedFailure(cause) }),
  }
}

function cut(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}... (${text.length - longestText} more characters)`
}

/** The input of a task. @throws {SyntaxError} when the stored text is not JSON */
export function inputOf(task: Pick<Task, 'input' | 'extras'>): unknown {
  return task.input === 'null' && task.extras?.nullInput !== true ? undefined : JSON.parse(task.input)
}
