/** Scopes: texts that say what someone may do, where a `*` at the end stands for everything that begins like it. */

/** What a request asks for: one scope, all of several, or any of several. */
export type Scopes = string | { readonly AllOf: readonly Scopes[] } | { readonly AnyOf: readonly Scopes[] }

/** Tells a text that can be a scope: printable ASCII. */
export function isScope(text: unknown): text is string {
  return typeof text === 'string' && /^[\x20-\x7e]*$/.test(text)
}

/** Whether the scopes that someone has allow what is asked for. A scope with a `*` needs one that covers all it stands for. */
export function satisfies(owned: readonly string[], required: Scopes): boolean {
  if (typeof required === 'string') return owned.some((scope) => covers(scope, required))
  if ('AllOf' in required) return required.AllOf.every((each) => satisfies(owned, each))
  return required.AnyOf.some((each) => satisfies(owned, each))
}

/** `a**` stands for what begins with `a*`, and so does not cover `a*`, which stands for more. */
function covers(owned: string, required: string): boolean {
  if (owned === required) return true
  const beginning = required.endsWith('*') ? required.slice(0, -1) : required
  return owned.endsWith('*') && beginning.startsWith(owned.slice(0, -1))
}

/** An expression in words, for a refusal: `a and (b or c)`. */
export function scopesLine(required: Scopes): string {
  if (typeof required === 'string') return required
  const [parts, word] = 'AllOf' in required ? [required.AllOf, ' and '] : [required.AnyOf, ' or ']
  if (parts.length === 1 && parts[0] !== undefined) return scopesLine(parts[0])
  return parts.map((part) => (typeof part === 'string' ? part : `(${scopesLine(part)})`)).join(word)
}
