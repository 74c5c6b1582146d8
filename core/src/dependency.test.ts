/** The rule for dependents, as a table. */
import { expect, test } from 'vitest'
import { dependencyVerdict } from './dependency.ts'

test.each([
  ['completed', 'all-completed', 'resolve', 'satisfied'],
  ['completed', 'all-completed', 'wait', 'satisfied'],
  ['completed', 'all-resolved', 'resolve', 'satisfied'],
  ['failed', 'all-completed', 'resolve', 'failed'],
  ['failed', 'all-completed', 'wait', 'waiting'],
  ['failed', 'all-resolved', 'resolve', 'satisfied'],
  ['failed', 'all-resolved', 'wait', 'satisfied'],
  ['exception', 'all-completed', 'resolve', 'failed'],
  ['exception', 'all-completed', 'wait', 'waiting'],
  ['exception', 'all-resolved', 'wait', 'satisfied'],
] as const)('%s under %s and %s means %s', (state, requires, onFailure, verdict) => {
  expect(dependencyVerdict(state, requires, onFailure)).toBe(verdict)
})

test('asks for completed ones and resolves the dependents, by default', () => {
  expect(dependencyVerdict('failed')).toBe('failed')
  expect(dependencyVerdict('failed', undefined, 'wait')).toBe('waiting')
})
