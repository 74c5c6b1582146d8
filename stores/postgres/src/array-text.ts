/** Arrays as PostgreSQL reads them: one text for a column of many rows, which a driver would put together cell by cell. */

/** Source: PostgreSQL's documentation, "Array Input and Output Syntax". */
export function arrayText(cells: readonly (string | number | null | undefined)[]): string {
  let text = '{'
  for (const cell of cells) {
    if (text.length > 1) text += ','
    if (typeof cell === 'string') text += quoted(cell)
    else text += cell ?? 'NULL'
  }
  return `${text}}`
}

function quoted(text: string): string {
  return /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `"${text}"`
}
