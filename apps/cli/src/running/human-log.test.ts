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

test('an error that came from another process as JSON says what it was, under either name', () => {
  const terminal = scriptedTerminal()
  const log = humanLog(terminal.out, 'info', () => 0)
  const error = { type: 'StoreError', message: 'the store\nis away', stack: 'StoreError: ...' }
  log.error({ error, worker: 'a@h' }, 'recovered')
  log.error({ err: new TypeError('bad') }, 'interrupted')
  log.error({ error: 'words' }, 'odd')
  expect(terminal.stdout.split('\n').map((line) => line.slice(13))).toEqual([
    'error recovered: the store is away worker=a@h',
    'error interrupted: bad',
    'error odd: words',
    '',
  ])
})

test('the level decides what is said', () => {
  expect(logged('warn').split('\n')).toHaveLength(2)
  expect(logged('debug')).toMatch(/debug small[\s\S]*\n {4}at /)
})
