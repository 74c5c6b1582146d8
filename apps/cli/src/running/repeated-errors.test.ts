/** What recovers is told, and what recovers again and again is counted. */
import type { Logger } from '@lovage/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { repeatedErrors } from './repeated-errors.ts'

let lines: string[]
const logger = {
  error: (fields: { error: Error }, text: string) => void lines.push(`${text}: ${fields.error.message}`),
} as unknown as Logger

beforeEach(() => {
  lines = []
  vi.useFakeTimers()
})
afterEach(() => vi.useRealTimers())

test('the first is told at once, those like it once in five seconds, others by themselves', async () => {
  const errors = repeatedErrors(logger)
  for (let count = 0; count < 300; count++) errors.tell(new TypeError('gone'))
  errors.tell(new TypeError('other'))
  expect(lines).toEqual(['recovered: gone', 'recovered: other'])
  await vi.advanceTimersByTimeAsync(5_000)
  expect(lines.slice(2)).toEqual(['recovered 299 more times: gone'])
  errors.tell(new TypeError('gone'))
  expect(lines.slice(3)).toEqual(['recovered: gone'])
})

test('what was only counted is told at the end', () => {
  const errors = repeatedErrors(logger)
  for (let count = 0; count < 3; count++) errors.tell(new TypeError('gone'))
  errors.end()
  errors.end()
  expect(lines).toEqual(['recovered: gone', 'recovered 2 more times: gone'])
})
