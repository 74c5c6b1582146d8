/**
 * The TypeScript of the documents: found, written to disk beside the packages, type-checked and run.
 *
 * A fence ```ts that imports something is a complete program. What stands behind `ts` says more: `no-run` is only
 * type-checked; `file=NAME.ts` is a file that later programs of the same document import as `./NAME.ts`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Finding, type House, lineAt, textOf } from './house.ts'

/** One complete program of a document. */
export interface Snippet {
  readonly document: string
  /** The line of its opening fence. */
  readonly line: number
  readonly code: string
  /** The name under which other programs of the document import it; undefined for what is run. */
  readonly file: string | undefined
  readonly run: boolean
}

/** A snippet on disk. */
export interface WrittenSnippet extends Snippet {
  readonly path: string
}

/** Finds the complete programs in the README files and under docs. */
export function snippetsOf(house: House): Snippet[] {
  const documents = house.files.filter((file) => basename(file) === 'README.md' || /^docs\/.*\.md$/.test(file))
  return documents.flatMap((document) => programsOf(document, textOf(house, document)))
}

/** Finds the complete programs in one Markdown text. */
export function programsOf(document: string, text: string): Snippet[] {
  const fences = [...text.matchAll(/^```(?:ts|typescript)\b([^\n]*)\n([\s\S]*?)^```\s*$/gm)]
  return fences.flatMap(({ 1: info = '', 2: code = '', index }) => {
    if (!/^\s*(?:import|export)\b/m.test(code)) return []
    const file = /\bfile=(\S+)/.exec(info)?.[1]
    const run = file === undefined && !/\bno-run\b/.test(info)
    return [{ document, line: lineAt(text, index), code, file, run }]
  })
}

/**
 * Writes snippets into a new folder of the repository, one folder for each document, so that packages resolve.
 * @returns the folder, which the caller removes, and the snippets with their paths
 */
export function writeSnippets(house: House, snippets: readonly Snippet[]): { folder: string; written: WrittenSnippet[] } {
  // Not under node_modules: Node strips no types there.
  const parent = join(house.root, '.snippets')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'run-'))
  const written = snippets.map((snippet) => {
    const path = join(folder, slug(snippet.document), snippet.file ?? `line-${snippet.line}.ts`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, snippet.code)
    return { ...snippet, path }
  })
  return { folder, written }
}

function slug(document: string): string {
  return document.replace(/\.md$/, '').replaceAll('/', '-').toLowerCase()
}

/** Type-checks every snippet as its reader would compile it. */
export function checkSnippets(house: House): Finding[] {
  const snippets = snippetsOf(house)
  if (snippets.length === 0) return []
  const { folder, written } = writeSnippets(house, snippets)
  try {
    const config = {
      extends: '../../tsconfig.tests.json',
      include: ['.'],
      exclude: [],
      compilerOptions: { incremental: false, noUnusedLocals: false },
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    execFileSync(process.execPath, [join(house.root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return []
  } catch (thrown) {
    const { stdout = '' } = thrown as { stdout?: string }
    return stdout === '' ? [{ where: 'scripts/check/snippets.ts', what: String(thrown) }] : findingsOf(stdout, folder, written)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Takes tsc's lines back to the documents they come from. */
function findingsOf(output: string, folder: string, written: readonly WrittenSnippet[]): Finding[] {
  const findings: Finding[] = []
  for (const line of output.split('\n')) {
    const [, file = '', row = '0', what = ''] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line) ?? []
    const snippet = written.find(({ path }) => path === join(folder, file))
    if (snippet !== undefined) findings.push({ where: `${snippet.document}:${snippet.line + Number(row)}`, what })
    else if (line.includes('error TS')) findings.push({ where: 'snippets', what: line })
  }
  return findings
}
