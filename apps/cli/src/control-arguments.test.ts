/** The words after a method become the named arguments that workers know. */
import { controlMethods, inspectMethods } from '@lovage/core'
import { describe, expect, test } from 'vitest'
import { controlArguments } from './control-arguments.ts'

describe('what becomes of the words', () => {
  test.each([
    ['revoke', ['a'], { task_id: 'a' }],
    ['revoke', ['a', 'b'], { task_id: ['a', 'b'] }],
    ['terminate', ['SIGKILL', 'a'], { task_id: 'a', signal: 'SIGKILL' }],
    ['terminate', ['KILL', 'a', 'b'], { task_id: ['a', 'b'], signal: 'KILL' }],
    ['terminate', ['a'], { task_id: 'a' }],
    ['rate_limit', ['images.resize', '10/m'], { task_name: 'images.resize', rate_limit: '10/m' }],
    ['rate_limit', ['images.resize', '0'], { task_name: 'images.resize', rate_limit: null }],
    ['time_limit', ['x', '30s'], { task_name: 'x', hard: 30 }],
    ['time_limit', ['x', '1m', '500ms'], { task_name: 'x', hard: 60, soft: 0.5 }],
    ['time_limit', ['x', '30', '10'], { task_name: 'x', hard: 30, soft: 10 }],
    ['add_consumer', ['images'], { queue: 'images' }],
    ['cancel_consumer', ['images'], { queue: 'images' }],
    ['pool_grow', [], { n: 1 }],
    ['pool_shrink', ['3'], { n: 3 }],
    ['autoscale', ['10', '2'], { max: 10, min: 2 }],
    ['autoscale', ['10'], { max: 10 }],
    ['query_task', ['a', 'b'], { ids: ['a', 'b'] }],
    ['ping', [], {}],
    ['anything', [], undefined],
    ['pool_grow', ['n=2'], { n: 2 }],
    ['my_method', ['a=1', 'b=[true]', 'c=text', 'd='], { a: 1, b: [true], c: 'text', d: '' }],
    ['my_method', ['{"a":{"b":1}}'], { a: { b: 1 } }],
  ] as const)('%s %j', (method, words, args) => {
    if (args === undefined) expect(() => controlArguments('control', method, words)).toThrow(/key=value pairs or one JSON object/)
    else expect(controlArguments('control', method, words)).toEqual(args)
  })
})

test.each([
  ['revoke', [], 'expected ID... after `lovage control revoke`, got: nothing'],
  ['rate_limit', ['x'], 'expected NAME RATE (as in 10/m; 0 for none) after `lovage control rate_limit`, got: x'],
  ['pool_grow', ['two'], 'expected N to be a whole number, got: two'],
  ['time_limit', ['x', 'soon'], 'expected `HARD` to be'],
  ['shutdown', ['now'], 'expected nothing after `lovage control shutdown`, got: now'],
  ['my_method', ['word'], 'expected key=value pairs or one JSON object after'],
  ['my_method', ['{"a":}'], 'expected the arguments to be JSON'],
])('%s %j is refused', (method, words, line) => {
  expect(() => controlArguments('control', method, words)).toThrow(
    expect.objectContaining({ rawMessage: expect.stringContaining(line) }),
  )
})

test('every method of the contract has its words, or takes none', () => {
  for (const method of [...inspectMethods, ...controlMethods]) {
    expect(() => controlArguments('control', method, ['a', 'b', 'c', '?'])).not.toThrow(/key=value pairs/)
  }
})
