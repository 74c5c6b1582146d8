/** Reads JSON that a person typed, and says in one line where it went wrong. */
import { ConfigError } from '@lovage/core'
import { findJsonError } from './json-error.ts'

/**
 * Parses a text as JSON.
 * @param what the thing that it is, for the message: `INPUT`, `--args`
 * @throws {ConfigError} OPTION_INVALID with the position
 */
export function parseJson(text: string, what: string): unknown {
  const error = findJsonError(text)
  if (error === undefined) return JSON.parse(text)
  throw new ConfigError(
    'OPTION_INVALID',
    `expected ${what} to be JSON, got: ${describe(text, error.position, error.expected)}; ${cure(text)}`,
  )
}

function describe(text: string, position: number, expected: string): string {
  if (text.trim() === '') return 'nothing'
  const found = position >= text.length ? 'the end' : JSON.stringify([...text.slice(position)][0])
  return `${excerpt(text, position)} (${place(text, position)}: expected ${expected}, found ${found})`
}

/** The text around the position, a mark before what is wrong. */
function excerpt(text: string, position: number): string {
  const from = Math.max(0, position - 30)
  const to = Math.min(text.length, position + 20)
  const part = (start: number, end: number) => text.slice(start, end).replaceAll(/\s+/g, ' ')
  return `${from > 0 ? '…' : ''}${part(from, position)} -->${part(position, to)}${to < text.length ? '…' : ''}`
}

function place(text: string, position: number): string {
  const lines = text.slice(0, position).split('\n')
  const column = (lines.at(-1)?.length ?? 0) + 1
  return text.trimEnd().includes('\n') ? `line ${lines.length}, column ${column}` : `character ${position + 1}`
}

function cure(text: string): string {
  if (text.trim() === '') return 'write for example \'{"width":320}\''
  if (/^[\w./:-]+$/.test(text)) return `for a text write '"${text}"'`
  return 'in a shell, put single quotes around it: \'{"width":320}\''
}
