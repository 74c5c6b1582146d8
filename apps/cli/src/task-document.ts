/** Tasks in JSON documents. */
import type { Task } from '@lovage/core'

/** A task as documents show it: payloads are values, not texts within a text. */
export function taskDocument(task: Task): Record<string, unknown> {
  const { input, result, progress, ...rest } = task
  return {
    ...rest,
    input: parsed(input),
    ...(result === undefined ? {} : { result: parsed(result) }),
    ...(progress === undefined ? {} : { progress: parsed(progress) }),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
