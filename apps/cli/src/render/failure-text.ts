/** Failures for a person: name, code and message, then the chain of causes. */
import type { Failure } from '@lovage/core'

/** One line: `TypeError: x is not a function (ERR_X)`. */
export function failureLine(failure: Failure): string {
  const code = failure.code === undefined ? '' : ` (${failure.code})`
  const name = failure.name === 'Error' || failure.name === '' ? '' : `${failure.name}: `
  return `${name}${failure.message.split('\n')[0] ?? ''}${code}`
}

/** One line per failure of the chain; with `stacks`, the frames under each. */
export function failureLines(failure: Failure, stacks: boolean): string[] {
  const lines = [failureLine(failure)]
  const rest = failure.message.split('\n').slice(1)
  lines.push(...rest.map((line) => `  ${line}`))
  if (stacks) lines.push(...framesOf(failure).map((frame) => `  ${frame}`))
  if (failure.cause === undefined) return lines
  const [first = '', ...more] = failureLines(failure.cause, stacks)
  return [...lines, `caused by ${first}`, ...more]
}

function framesOf(failure: Failure): string[] {
  return (failure.stack ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
}
