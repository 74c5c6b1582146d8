/** Links between documents: every relative link has a target, every anchor a heading. */
import { existsSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { type Finding, type House, lineAt, textOf } from './house.ts'

/** Checks the relative links of every Markdown file. */
export function checkLinks(house: House): Finding[] {
  const documents = house.files.filter((file) => file.endsWith('.md'))
  return documents.flatMap((file) => {
    const text = textOf(house, file)
    return linksOf(text).flatMap(({ target, line }) => {
      const problem = brokenLink(house, file, target)
      return problem === undefined ? [] : [{ where: `${file}:${line}`, what: problem }]
    })
  })
}

interface Link {
  readonly target: string
  readonly line: number
}

/** The links of a Markdown text, code left aside. */
export function linksOf(text: string): Link[] {
  const prose = withoutCode(text)
  const inline = [...prose.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g)]
  const references = [...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)>?/gm)]
  return [...inline, ...references].map((match) => ({ target: match[1] ?? '', line: lineAt(text, match.index) }))
}

/** Blanks code, so that offsets stay. */
function withoutCode(text: string): string {
  const blank = (code: string) => code.replace(/[^\n]/g, ' ')
  return text.replace(/^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, blank).replace(/`[^`\n]+`/g, blank)
}

/** The anchors that GitHub gives to the headings of a Markdown text. */
export function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  const prose = text.replace(/^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, '')
  for (const [, heading = ''] of prose.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  for (const [, name = ''] of prose.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(name)
  return anchors
}

function brokenLink(house: House, file: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined
  const [path = '', anchor] = target.split('#')
  const pointed = path === '' ? file : posix.normalize(posix.join(dirname(file), decodeURIComponent(path)))
  if (pointed.startsWith('..') || !existsSync(join(house.root, pointed))) {
    return `expected the link to point to a file of the repository, got: ${target}`
  }
  if (anchor === undefined || anchor === '' || !pointed.endsWith('.md')) return undefined
  if (anchorsOf(textOf(house, pointed)).has(anchor)) return undefined
  return `expected a heading for the anchor in ${pointed}, got: #${anchor}`
}
