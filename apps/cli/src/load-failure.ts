/** Says where and why a module could not be loaded; the platform hides the place in a stack. */
import { spawnSync } from 'node:child_process'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One phrase: the place (file:line), then what is wrong there. */
export function loadFailure(thrown: unknown, path: string): string {
  if (!(thrown instanceof Error)) return `it threw ${JSON.stringify(thrown) ?? String(thrown)}`
  const place = placeIn(thrown.stack ?? '') ?? (thrown.name === 'SyntaxError' ? placeBySyntaxCheck(path) : undefined)
  const code = (thrown as { readonly code?: unknown }).code
  const what = `${thrown.name}: ${firstLine(thrown.message)}${cureFor(code, thrown.message)}`
  return place === undefined ? what : `${what} at ${place}`
}

/** The parser's own note in front of the stack, or the first frame that is a file outside of Node and of packages: `file:line`. */
export function placeIn(stack: string): string | undefined {
  const [first = '', ...rest] = stack.split('\n')
  const noted = /^(file:\/\/\S+|\/\S.*|[A-Za-z]:\\.*):(\d+)$/.exec(first)
  if (noted !== null) return readable(noted[1] ?? '', noted[2] ?? '')
  for (const line of rest) {
    const frame = /(?:\(|at (?:async )?)(file:\/\/[^\s)]+?|\/[^)]+?):(\d+):\d+\)?$/.exec(line)
    if (frame !== null && !line.includes('/node_modules/') && !line.includes(import.meta.dirname))
      return readable(frame[1] ?? '', frame[2] ?? '')
  }
  return undefined
}

/** A module's syntax error says nothing about its place until Node itself prints it. */
function placeBySyntaxCheck(path: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: 10_000 })
  return placeIn(stderr.trimStart())
}

function readable(file: string, line: string): string {
  const path = file.startsWith('file:') ? fileURLToPath(file) : file
  const near = relative(process.cwd(), path)
  return `${near.startsWith('..') ? path : near}:${line}`
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200)
}

function cureFor(code: unknown, message: string): string {
  if (/Cannot use import statement outside a module|Unexpected token 'export'/.test(message)) {
    return ' (put "type": "module" into package.json, or name the file .mts)'
  }
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return ' (Node runs only TypeScript whose types can be erased: no enum, namespace or parameter property)'
  }
  return code === 'ERR_UNKNOWN_FILE_EXTENSION' ? ' (name it .ts, .js or .mjs)' : ''
}
