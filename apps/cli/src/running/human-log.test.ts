/** The log for a person: one line per entry, nothing below the level, stacks only when asked. */
import { expect, test } from 'vitest'
import { scriptedTerminal } from '../fixtures/scripted-terminal.ts'
import { humanLog } from './human-log.ts'

function logged(level: 'debug' | 'info' | 'warn'): string {
  const terminal = scriptedTerminal()
  const log = humanLog(terminal.out, level, () => new Date(2027, 0, 31, 9, 5, 7, 42).getTime())
  log.debug({}, 'small')
  log.info({ id: 't-1', seconds: 0.2, nothing: undefined }, 'add completed')
  log.error({ error: new TypeError('bad\nthing'), worker: 'a@h' }, 'recovered')
  return terminal.stdout
}

test('a line per entry', () => {
  expect(logged('info')).toBe(
    '09:05:07.042 info  add completed id=t-1 seconds=0.2\n09:05:07.042 error recovered: bad thing worker=a@h\n',
  )
})

test('the level decides what is said', () => {
  expect(logged('warn').split('\n')).toHaveLength(2)
  expect(logged('debug')).toMatch(/debug small[\s\S]*\n {4}at /)
})
