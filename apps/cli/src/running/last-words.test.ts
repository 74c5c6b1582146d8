/** The last words of a process are few, and say what it was, what it takes along and what would contain it. */
import { expect, test } from 'vitest'
import { lastWords } from './last-words.ts'

const worker = (count: number, pool = 'inline') => ({
  pool: { name: pool },
  active: () => Array.from({ length: count }, (_, index) => ({ message: { id: `t${index}`, name: 'mail' } })),
})

test('a late throw', () => {
  const error = new TypeError('later')
  error.stack = 'TypeError: later\n    at node:internal/x:1:1\n    at Timeout._onTimeout (/srv/tasks.ts:7:11)'
  expect(lastWords(error, 'uncaughtException', worker(2))).toEqual([
    'lovage: TypeError: later, at /srv/tasks.ts:7',
    'lovage: it was thrown later, outside of what a handler returns, so nobody knows which task it belongs to; Node ends such a process',
    'lovage: running here, and given to other workers as lost: mail t0, mail t1',
    'lovage: await every promise that a handler makes; with --pool threads or --pool processes it ends only that thread or process',
  ])
})

test('a rejection of what is no error, in a worker that has a pool and many tasks', () => {
  expect(lastWords('words', 'unhandledRejection', worker(7, 'threads'))).toEqual([
    'lovage: words',
    expect.stringContaining('a promise that nobody awaits was rejected'),
    'lovage: running here, and given to other workers as lost: mail t0, mail t1, mail t2, mail t3, mail t4 and 2 more',
  ])
  expect(lastWords('words', 'unhandledRejection', worker(0, 'threads')).at(-1)).toBe('lovage: no task was running here')
})
