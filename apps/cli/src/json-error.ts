/** Finds where a text stops being JSON (RFC 8259) and what should stand there; the platform's own parser does not always say. */

/** The first place at which a text is not JSON. */
export interface JsonError {
  /** From 0; the text's length when it ends too early. */
  readonly position: number
  /** What should stand there, in words. */
  readonly expected: string
}

/** Answers undefined for a text that is JSON. */
export function findJsonError(text: string): JsonError | undefined {
  const end = value(text, skipSpace(text, 0), 0)
  if (typeof end !== 'number') return end
  const rest = skipSpace(text, end)
  return rest === text.length ? undefined : { position: rest, expected: 'the end of the text' }
}

/** The end of what was read, or what was wrong with it. */
type Reading = number | JsonError

const deepest = 1000

function value(text: string, at: number, depth: number): Reading {
  if (depth > deepest) return { position: at, expected: `at most ${deepest} levels` }
  const first = text[at]
  if (first === '{') return object(text, at, depth)
  if (first === '[') return array(text, at, depth)
  if (first === '"') return string(text, at)
  const word = /^(?:true|false|null)/.exec(text.slice(at, at + 5))?.[0]
  if (word !== undefined) return at + word.length
  if (first === '-' || (first !== undefined && first >= '0' && first <= '9')) return number(text, at)
  return { position: at, expected: 'a value' }
}

function object(text: string, start: number, depth: number): Reading {
  let at = skipSpace(text, start + 1)
  if (text[at] === '}') return at + 1
  for (;;) {
    if (text[at] !== '"')
      return {
        position: at,
        expected: at === skipSpace(text, start + 1) ? 'a name in double quotes or "}"' : 'a name in double quotes',
      }
    const name = string(text, at)
    if (typeof name !== 'number') return name
    at = skipSpace(text, name)
    if (text[at] !== ':') return { position: at, expected: '":"' }
    const end = value(text, skipSpace(text, at + 1), depth + 1)
    if (typeof end !== 'number') return end
    at = skipSpace(text, end)
    if (text[at] === '}') return at + 1
    if (text[at] !== ',') return { position: at, expected: '"," or "}"' }
    at = skipSpace(text, at + 1)
  }
}

function array(text: string, start: number, depth: number): Reading {
  let at = skipSpace(text, start + 1)
  if (text[at] === ']') return at + 1
  for (;;) {
    const end = value(text, at, depth + 1)
    if (typeof end !== 'number') return end
    at = skipSpace(text, end)
    if (text[at] === ']') return at + 1
    if (text[at] !== ',') return { position: at, expected: '"," or "]"' }
    at = skipSpace(text, at + 1)
  }
}

function string(text: string, start: number): Reading {
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '"') return at + 1
    if (char < ' ') return { position: at, expected: 'no line break or control character inside a text (write \\n)' }
    if (char !== '\\') continue
    at++
    if (text[at] === 'u') {
      const digits = /^[0-9a-fA-F]*/.exec(text.slice(at + 1, at + 5))?.[0].length ?? 0
      if (digits < 4) return { position: at + 1 + digits, expected: 'four hexadecimal digits after \\u' }
    } else if (at >= text.length || !'"\\/bfnrt'.includes(text[at] ?? '')) {
      return { position: at, expected: 'one of " \\ / b f n r t u after a backslash' }
    }
  }
  return { position: text.length, expected: 'a closing double quote' }
}

function number(text: string, start: number): Reading {
  let at = text[start] === '-' ? start + 1 : start
  const digits = () => {
    const from = at
    while ((text[at] ?? '') >= '0' && (text[at] ?? '') <= '9') at++
    return at > from
  }
  if (text[at] === '0') at++
  else if (!digits()) return { position: at, expected: 'a digit' }
  if (text[at] === '.') {
    at++
    if (!digits()) return { position: at, expected: 'a digit' }
  }
  if (text[at] === 'e' || text[at] === 'E') {
    at++
    if (text[at] === '+' || text[at] === '-') at++
    if (!digits()) return { position: at, expected: 'a digit' }
  }
  return at
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return at
}
