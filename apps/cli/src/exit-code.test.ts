/** What went wrong decides the exit code. */
import { ConfigError, LovageError, StoreError, TaskError } from '@lovage/core'
import { expect, test } from 'vitest'
import { errorLine } from './error-line.ts'
import { exitCodeOf } from './exit-code.ts'

test.each([
  [new ConfigError('OPTION_INVALID', 'x'), 2],
  [new ConfigError('URL_UNSUPPORTED', 'x'), 2],
  [new TaskError('INPUT_INVALID', 'x'), 2],
  [new ConfigError('UNSUPPORTED', 'x'), 1],
  [new TaskError('TASK_UNKNOWN', 'x'), 1],
  [new TaskError('WAIT_TIMEOUT', 'x'), 1],
  [new LovageError('PORT_TAKEN', 'x'), 1],
  [new StoreError('STORE_FULL', 'x'), 1],
  [new StoreError('STORE_UNAVAILABLE', 'x'), 69],
  [new StoreError('STORE_BUSY', 'x'), 69],
  [new StoreError('STORE_CORRUPT', 'x'), 69],
  [new StoreError('SCHEMA_NEWER', 'x'), 69],
  [new TypeError('x'), 1],
  ['text', 1],
])('%s -> %d', (thrown, code) => {
  expect(exitCodeOf(thrown)).toBe(code)
})

test.each([
  [new ConfigError('OPTION_INVALID', 'expected a,\n  got: b'), 'lovage: expected a, got: b'],
  [new Error('plain'), 'lovage: plain'],
  [new TypeError('typed'), 'lovage: TypeError: typed'],
  ['text', 'lovage: text'],
])('the line of %s', (thrown, line) => {
  expect(errorLine(thrown)).toBe(line)
})
