/** Control characters in what others say reach no terminal. */
import { expect, it } from 'vitest'
import { scriptedTerminal } from './fixtures/scripted-terminal.ts'
import { humanLog } from './running/human-log.ts'
import { print, printJson } from './terminal.ts'

it.each([
  ['plain, äöü, 漢字 and\ttabs', 'plain, äöü, 漢字 and\ttabs'],
  ['two\nlines', 'two\nlines'],
  ['\u001b[31mred\u001b[0m', '\u001b[31mred\u001b[0m'],
  ['cleared\u001b[2J\u001b]0;title\u0007', 'cleared\\u001b[2J\\u001b]0;title\\u0007'],
  ['over\rwritten\r\n', 'overwritten\n'],
  ['\u009b2J\u0000', '\\u009b2J\\u0000'],
])('%j is printed as %j', (text, shown) => {
  const terminal = scriptedTerminal()
  print(terminal.out, text)
  expect(terminal.stdout).toBe(`${shown}\n`)
})

it('stays JSON', () => {
  const terminal = scriptedTerminal()
  printJson(terminal, { text: '\u009b2J\r\n' })
  expect(JSON.parse(terminal.stdout)).toEqual({ text: '\u009b2J\r\n' })
})

it('what a worker says keeps to its line of the log', () => {
  const terminal = scriptedTerminal()
  humanLog(terminal.out, 'info', () => 0).warn({ reason: 'x\r\n00:00:00 info  all is well\u001b[1A' }, 'a worker is paused')
  expect(terminal.stdout).toMatch(/^\S+ warn {2}a worker is paused reason=x 00:00:00 info {2}all is well\\u001b\[1A\n$/)
})
