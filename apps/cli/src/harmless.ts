/** Text that others wrote (workers, tasks, callers), as a terminal may show it: it could move the cursor and hide what stands there. */

/** Characters that control a terminal are written as JSON writes them; line breaks, tabs and colours stay as they are. */
export function harmless(text: string): string {
  return text.replaceAll(/(?![\n\t])(\p{Cc})(\[[\d;]*m)?/gu, (found, control: string, colour: string | undefined) => {
    if (control === '\u001b' && colour !== undefined) return found
    if (control === '\r') return colour ?? ''
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}${colour ?? ''}`
  })
}
