/** Names of workers as a person gives them. */
import { expect, test } from 'vitest'
import { workerName } from './worker-name.ts'

test.each([
  [undefined, 'worker@host1'],
  ['images', 'images@host1'],
  ['images@other', 'images@other'],
  ['w1@%h', 'w1@host1'],
  ['%h-a@%h', 'host1-a@host1'],
])('%s -> %s', (given, name) => {
  expect(workerName(given, 'host1')).toBe(name)
})
