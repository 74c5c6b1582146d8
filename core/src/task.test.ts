/** Priorities and their names. */
import { expect, test } from 'vitest'
import { awaitedTasks, isResolved, priorityName, priorityNames, priorityNumber, taskStates } from './task.ts'

test('priorities are numbers from 7 to 1 and back', () => {
  expect(priorityNames.map(priorityNumber)).toEqual([7, 6, 5, 4, 3, 2, 1])
  for (const name of priorityNames) expect(priorityName(priorityNumber(name)!)).toBe(name)
  expect(priorityNumber('urgent')).toBeUndefined()
})

test('numbers beyond the priorities are taken to the nearer end', () => {
  expect([99, 7, 1, 0, -5].map(priorityName)).toEqual(['highest', 'highest', 'lowest', 'lowest', 'lowest'])
})

test('three states end a life', () => {
  expect(taskStates.filter(isResolved)).toEqual(['completed', 'failed', 'exception'])
})

test('a task waits for its dependencies, or for those that stand in for them', () => {
  expect(awaitedTasks(undefined)).toEqual([])
  expect(awaitedTasks({ dependencies: ['a', 'b'] })).toEqual(['a', 'b'])
  expect(awaitedTasks({ dependencies: ['a', 'b', 'c', 'toString'], standIns: { a: 's', c: 's' } })).toEqual([
    's',
    'b',
    's',
    'toString',
  ])
})
