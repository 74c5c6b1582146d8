/** JSON for a person: short values on one line, long ones over several. */

/** Writes a value; on one line if it fits into `width` columns. */
export function jsonValue(value: unknown, width = 100): string {
  const short = JSON.stringify(value) ?? 'undefined'
  return short.length <= width ? short : (JSON.stringify(value, undefined, 2) ?? 'undefined')
}

/** Writes a stored JSON text; a text that is none is shown as it is. */
export function jsonText(text: string, width?: number): string {
  try {
    return jsonValue(JSON.parse(text), width)
  } catch {
    return text
  }
}

/** Writes progress: a number from 0 to 1 as a percentage, anything else as JSON. */
export function progressText(value: unknown): string {
  return typeof value === 'number' && value >= 0 && value <= 1 ? `${Math.round(value * 100)}%` : (JSON.stringify(value) ?? '')
}
