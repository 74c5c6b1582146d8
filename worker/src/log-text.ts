/** The text of a log line, whatever a handler gave for it: plain JavaScript logs errors and objects, too. */
import { failureFrom, shown } from '@lovage/core'

/** The most characters of a line; what is beyond is cut. */
const longest = 8000

/** An error becomes its stack, any other value that is no text its JSON. Never throws. */
export function logText(given: unknown): string {
  if (typeof given === 'string') return cut(given)
  if (!(given instanceof Error)) return shown(given, longest)
  const { name, message, stack } = failureFrom(given)
  return cut(stack ?? `${name}: ${message}`)
}

function cut(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}... (${text.length - longest} more characters)`
}
