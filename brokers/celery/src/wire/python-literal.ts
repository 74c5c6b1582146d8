/** Texts as Python's own repr writes them. */

const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
/** Control characters, separators other than the blank, what is not assigned, and halves of pairs. */
const unprintable = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

/**
 * Writes a text as Python would: in single quotes, unless it has some and no double ones.
 * @see https://docs.python.org/3/library/functions.html#repr
 */
export function textLiteral(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(unprintable, (character) => named[character] ?? codeOf(character.codePointAt(0) ?? 0))
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote
}

function codeOf(code: number): string {
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
