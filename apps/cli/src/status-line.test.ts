/** Progress is redrawn for a person and listed for a file. */
import { expect, test } from 'vitest'
import { scriptedTerminal } from './fixtures/scripted-terminal.ts'
import { StatusLine } from './status-line.ts'

function shown(live: boolean): string {
  const terminal = scriptedTerminal({ live })
  const line = new StatusLine(terminal.err)
  line.show('running on a@h', 'fleeting')
  line.show('50%')
  line.show('50%')
  line.clear()
  return terminal.stderr
}

test('elsewhere than on a terminal there is a line per change, without the fleeting ones', () => {
  expect(shown(false)).toBe('50%\n')
})

test('on a terminal one line is redrawn and taken away in the end', () => {
  const text = shown(true)
  expect(text).not.toContain('\n')
  expect(text.match(/50%/g)).toHaveLength(1)
  expect(text.endsWith('\r\u001b[2K')).toBe(true)
})
