/** The default logger: warnings and errors as plain lines on stderr, so that nothing is lost in silence. */
import type { Logger } from '@lovage/core'

export const stderrLogger: Logger = {
  debug() {},
  info() {},
  warn: (fields, text) => write('warn', fields, text),
  error: (fields, text) => write('error', fields, text),
}

function write(level: string, fields: object, text: string): void {
  const { error, ...rest } = fields as { error?: unknown }
  const facts = Object.entries(rest).map(([key, value]) => ` ${key}=${String(value)}`)
  const cause = error instanceof Error ? `: ${error.message}` : ''
  process.stderr.write(`lovage ${level}: ${text}${cause}${facts.join('')}\n`)
}
