/** How a message shows a value that came from outside: short, on one line, whatever it is. */

/** Writes any value for the `got: ...` of a message. Never throws; texts over `longest` characters are cut. */
export function shown(value: unknown, longest = 120): string {
  const text = written(value)
  return text.length <= longest ? text : `${text.slice(0, longest)}... (${text.length} characters)`
}

function written(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'number' || value === undefined || typeof value === 'symbol') return String(value)
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value)
  } catch {
    return 'a value that cannot be written as JSON'
  }
}
