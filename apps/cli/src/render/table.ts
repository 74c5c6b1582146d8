/** Tables of text: columns as wide as their longest cell, the last one cut where the terminal ends. */
import { stripVTControlCharacters } from 'node:util'
import { type Paint, textWidth } from './paint.ts'

export interface Column {
  readonly title: string
  readonly align?: 'right'
}

/**
 * Draws a table, one line per row under a line of titles.
 * @param columns the width of the terminal; undefined leaves every line whole
 */
export function table(
  titles: readonly Column[],
  cells: readonly (readonly string[])[],
  paint: Paint,
  columns?: number,
): string[] {
  const rows = cells.map((row) => row.map((cell) => cell.replaceAll(/\s*\n\s*/g, ' ')))
  const widths = titles.map((column, index) =>
    Math.max(textWidth(column.title), ...rows.map((row) => textWidth(row[index] ?? ''))),
  )
  const line = (row: readonly string[]) =>
    cutTo(
      titles
        .map((column, index) => pad(row[index] ?? '', widths[index] ?? 0, column.align))
        .join('  ')
        .trimEnd(),
      columns,
    )
  return [paint('dim', line(titles.map((column) => column.title))), ...rows.map(line)]
}

function pad(text: string, width: number, align: 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return align === 'right' ? space + text : text + space
}

/** Cuts a line to a width and marks the cut; a cut line loses its colours. */
export function cutTo(text: string, columns: number | undefined): string {
  if (columns === undefined || textWidth(text) <= columns) return text
  return `${[...stripVTControlCharacters(text)].slice(0, Math.max(0, columns - 1)).join('')}…`
}

/** Draws names and values below each other, the values in one column; what is undefined is left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | undefined])[], paint: Paint): string[] {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(
    ([name, value]) => `${paint('dim', name.padEnd(width))}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`,
  )
}

/** Puts lines under a heading, two columns in. */
export function indent(lines: readonly string[], by = 2): string[] {
  return lines.map((line) => ' '.repeat(by) + line)
}
