/** Medians of several runs, as a table in which every figure stands beside its ratio to the first variant. */
import type { Figures } from './variant.ts'

export interface Row {
  readonly name: string
  readonly runs: readonly Figures[]
}

/** The median of each figure. */
export function medians(runs: readonly Figures[]): Figures {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run)))]
  return Object.fromEntries(
    names.map((name) => {
      const values = runs.flatMap((run) => run[name] ?? []).sort((a, b) => a - b)
      return [name, values[Math.floor(values.length / 2)] ?? Number.NaN]
    }),
  )
}

/** Writes Markdown: a row a variant; behind each figure what Lovage's (the first row's) is of it. */
export function markdown(rows: readonly Row[]): string {
  const all = rows.map((row) => ({ name: row.name, figures: medians(row.runs), count: row.runs.length }))
  const columns = [...new Set(all.flatMap((row) => Object.keys(row.figures)))]
  const ours = all[0]?.figures ?? {}
  const cell = (figures: Figures, column: string): string => {
    const value = figures[column]
    if (value === undefined) return ''
    const ratio = (ours[column] ?? Number.NaN) / value
    return figures === ours || !Number.isFinite(ratio) ? `${value}` : `${value} (${ratio.toFixed(2)}x)`
  }
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(['variant', 'runs', ...columns]),
    line(['---', ...columns.map(() => '---:'), '---:']),
    ...all.map((row) => line([row.name, String(row.count), ...columns.map((column) => cell(row.figures, column))])),
  ].join('\n')
}
