/** Tracebacks: stacks of JavaScript in the shape that Python's tools show. */
import type { Failure } from '@lovage/core'

/** `at name (file:line:column)`, `at file:line:column`. */
const frame = /^\s*at (?:async )?(?:(.*?) \()?((?:file:\/\/|node:)?[^()]+?):(\d+):\d+\)?$/

const because = '\nThe above exception was the direct cause of the following exception:\n\n'

/**
 * Writes the stack of a failure as a traceback: causes first, the most recent call last. A failure that came from Python keeps the
 * traceback it has.
 * @see https://docs.python.org/3/library/traceback.html
 */
export function tracebackOf(failure: Failure): string {
  const { stack, cause } = failure
  const before = cause === undefined ? '' : `${tracebackOf(cause)}${because}`
  if (stack?.startsWith('Traceback (most recent call last):')) return `${before}${stack.endsWith('\n') ? stack : `${stack}\n`}`
  const frames = (stack ?? '').split('\n').flatMap(frameLine).reverse()
  const head = frames.length === 0 ? '' : `Traceback (most recent call last):\n${frames.join('')}`
  return `${before}${head}${lastLine(failure)}\n`
}

function frameLine(line: string): readonly string[] {
  const match = frame.exec(line)
  if (match === null) return []
  const [, name, file, row] = match
  return [`  File "${file?.replace(/^file:\/\//, '')}", line ${row}, in ${name ?? '<module>'}\n`]
}

function lastLine({ name, message }: Failure): string {
  return message === '' ? name : `${name}: ${message}`
}
