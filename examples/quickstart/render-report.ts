/** Shows a report to people: as Markdown, or as plain text for a terminal. */
import type { FileFacts } from './measure.ts'
import type { Report } from './report.ts'

interface Table {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Renders the report as a Markdown document. */
export function renderMarkdown(report: Report): string {
  const parts = tables(report).map(({ title, head, rows }) => {
    const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    return [
      `## ${title}`,
      '',
      line(head),
      line(head.map((_, column) => (column === 0 ? '---' : '---:'))),
      ...rows.map(line),
      '',
    ].join('\n')
  })
  return [`# ${report.folder}`, '', `${headline(report)}.`, '', ...parts].join('\n')
}

/** Renders the report as aligned text without colours, so that it reads the same in a pipe. */
export function renderText(report: Report): string {
  const parts = tables(report).map(({ title, head, rows }) => {
    const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)))
    const line = (cells: readonly string[]) => {
      const [first = '', ...others] = cells
      const numbers = others.map((cell, column) => cell.padStart(widths[column + 1] ?? 0))
      return `  ${[first.padEnd(widths[0] ?? 0), ...numbers].join('  ')}`.trimEnd()
    }
    return ['', title, line(head), ...rows.map(line)].join('\n')
  })
  return [`${report.folder}: ${headline(report)}`, ...parts].join('\n')
}

function headline({ totals, duplicates, missing }: Report): string {
  const parts = [
    `${totals.files} files`,
    formatBytes(totals.bytes),
    `${totals.lines} lines`,
    `${totals.words} words`,
    ...(duplicates.length === 0 ? [] : [`${duplicates.length} contents more than once`]),
    ...(missing.length === 0 ? [] : [`${missing.length} could not be measured`]),
  ]
  return parts.join(', ')
}

function tables(report: Report): Table[] {
  const ratio = (file: FileFacts) => [file.path, `${Math.round(file.gzipRatio * 100)} %`, formatBytes(file.bytes)]
  const all: Table[] = [
    {
      title: 'By type',
      head: ['type', 'files', 'size', 'lines'],
      rows: report.types.map(({ type, files, bytes, lines }) => [type, String(files), formatBytes(bytes), String(lines)]),
    },
    {
      title: 'Largest',
      head: ['file', 'size', 'type'],
      rows: report.largest.map(({ path, bytes, type }) => [path, formatBytes(bytes), type]),
    },
    {
      title: 'Same content',
      head: ['files', 'size'],
      rows: report.duplicates.slice(0, 10).map(({ paths, bytes }) => [few(paths), formatBytes(bytes)]),
    },
    { title: 'Shrink most by gzip', head: ['file', 'left', 'size'], rows: report.mostCompressible.map(ratio) },
    { title: 'Shrink least by gzip', head: ['file', 'left', 'size'], rows: report.leastCompressible.map(ratio) },
    { title: 'Not measured', head: ['file', 'why'], rows: report.missing.map(({ path, why }) => [path, why]) },
  ]
  return all.filter(({ rows }) => rows.length > 0)
}

/** Names the first of several; the JSON has them all. */
function few(paths: readonly string[]): string {
  const [first, second, ...others] = paths
  return others.length < 2 ? paths.join(', ') : `${first}, ${second} and ${others.length} more`
}

/** Writes a size for a person: `512 B`, `1.5 kB`, `12 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 || size >= 9.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}
