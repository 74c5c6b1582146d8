/** Patterns on node names: Python's glob and regular expressions. */

/** `glob` is fnmatch; `pcre` is a regular expression that matches from the start. */
export type NodeMatcher = 'glob' | 'pcre'

/** Gives what tells the nodes of a pattern; undefined when the pattern is none. */
export function nodeMatcher(pattern: string, matcher: NodeMatcher): ((node: string) => boolean) | undefined {
  const regex = matcher === 'glob' ? globRegex(pattern) : pythonRegex(pattern)
  return regex && ((node) => regex.test(node))
}

/** A set that makes no sense matches nothing. @see https://docs.python.org/3/library/fnmatch.html */
function globRegex(pattern: string): RegExp {
  const source = pattern.replace(/\[(!?)(\]?[^\]]*)\]|[\s\S]/g, (found, not: string | undefined, set: string | undefined) => {
    if (set !== undefined) return `[${not === '!' ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`
    if (found === '*') return '.*'
    return found === '?' ? '.' : found.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return compile(`^${source}$`, 's') ?? /(?!)/
}

/** What Python spells otherwise: groups with names, flags at the start, ends of the text. */
function pythonRegex(pattern: string): RegExp | undefined {
  const flags = /^\(\?([aimsux]+)\)/.exec(pattern)
  const source = pattern
    .slice(flags?.[0].length ?? 0)
    .replaceAll('(?P<', '(?<')
    .replace(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replaceAll('\\A', '^')
    .replaceAll('\\Z', '$')
  return compile(`^(?:${source})`, [...(flags?.[1] ?? '')].filter((flag) => 'ims'.includes(flag)).join(''))
}

function compile(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags)
  } catch {
    return undefined
  }
}
