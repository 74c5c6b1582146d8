/** Joins the facts of all files into one report. */
import type { FileFacts } from './measure.ts'

/** A file that has no facts, and why. */
export interface MissingFile {
  readonly path: string
  readonly why: string
}

export interface TypeTotal {
  readonly type: string
  readonly files: number
  readonly bytes: number
  readonly lines: number
}

export interface Report {
  readonly folder: string
  readonly totals: { readonly files: number; readonly bytes: number; readonly lines: number; readonly words: number }
  /** Most bytes first. */
  readonly types: readonly TypeTotal[]
  /** The ten largest. */
  readonly largest: readonly FileFacts[]
  /** Paths with the same content, most wasted bytes first. */
  readonly duplicates: readonly { readonly sha256: string; readonly bytes: number; readonly paths: readonly string[] }[]
  /** The five that shrink most; small files are left out, their header weighs too much. */
  readonly mostCompressible: readonly FileFacts[]
  /** The five that shrink least. */
  readonly leastCompressible: readonly FileFacts[]
  readonly missing: readonly MissingFile[]
  /** Every file, by path. */
  readonly files: readonly FileFacts[]
}

/** Below this a gzip header says more about the ratio than the content. */
const compressibleBytes = 256

/** Makes the report. The same facts give the same report, whatever their order. */
export function makeReport(folder: string, facts: readonly FileFacts[], missing: readonly MissingFile[]): Report {
  const files = [...facts].sort((a, b) => (a.path < b.path ? -1 : 1))
  const sum = (of: (file: FileFacts) => number) => files.reduce((total, file) => total + of(file), 0)
  const byRatio = files.filter(({ bytes }) => bytes >= compressibleBytes).sort((a, b) => a.gzipRatio - b.gzipRatio)
  return {
    folder,
    totals: { files: files.length, bytes: sum((f) => f.bytes), lines: sum((f) => f.lines), words: sum((f) => f.words) },
    types: typeTotals(files),
    largest: [...files].sort((a, b) => b.bytes - a.bytes).slice(0, 10),
    duplicates: duplicatesOf(files),
    mostCompressible: byRatio.slice(0, 5),
    leastCompressible: byRatio.slice(-5).reverse(),
    missing: [...missing].sort((a, b) => (a.path < b.path ? -1 : 1)),
    files,
  }
}

function typeTotals(files: readonly FileFacts[]): TypeTotal[] {
  const groups = groupBy(files, ({ type }) => type)
  const totals = [...groups].map(([type, members]) => ({
    type,
    files: members.length,
    bytes: members.reduce((total, { bytes }) => total + bytes, 0),
    lines: members.reduce((total, { lines }) => total + lines, 0),
  }))
  return totals.sort((a, b) => b.bytes - a.bytes || (a.type < b.type ? -1 : 1))
}

function duplicatesOf(files: readonly FileFacts[]): Report['duplicates'] {
  const groups = groupBy(
    files.filter(({ bytes }) => bytes > 0),
    ({ sha256 }) => sha256,
  )
  const wasted = ({ bytes, paths }: Report['duplicates'][number]) => bytes * (paths.length - 1)
  return [...groups.values()]
    .filter((members) => members.length > 1)
    .map((members) => ({
      sha256: members[0]?.sha256 ?? '',
      bytes: members[0]?.bytes ?? 0,
      paths: members.map(({ path }) => path),
    }))
    .sort((a, b) => wasted(b) - wasted(a))
}

function groupBy(files: readonly FileFacts[], keyOf: (file: FileFacts) => string): Map<string, FileFacts[]> {
  const groups = new Map<string, FileFacts[]>()
  for (const file of files) {
    const group = groups.get(keyOf(file))
    if (group === undefined) groups.set(keyOf(file), [file])
    else group.push(file)
  }
  return groups
}
