/** Replies in Celery's layout. */
import { expect, test } from 'vitest'
import { replyLines } from './control-replies.ts'
import { painter } from './paint.ts'

const paint = painter({ colours: false })

test('workers stand in order, each with its answer under it', () => {
  const lines = replyLines(
    [
      { worker: 'b@h', ok: false, error: 'unknown task' },
      { worker: 'a@h', ok: true, value: { ok: 'pong' } },
    ],
    paint,
  )
  expect(lines).toEqual(['-> a@h: OK', '        pong', '-> b@h: ERROR', '        unknown task', '', '2 workers answered.'])
})

test.each([
  [[], ['- empty -']],
  [{}, ['- empty -']],
  [null, []],
  ['two\nlines', ['two', 'lines']],
  [
    ['x [rate_limit=1/s]', { id: 1 }],
    ['* x [rate_limit=1/s]', '* {"id":1}'],
  ],
  [{ ok: { a: 1 } }, ['{"a":1}']],
  [{ ok: 'pool will shrink', concurrency: 1 }, ['pool will shrink', 'concurrency: 1']],
  [{ pid: 7, pool: { n: 1 } }, ['pid: 7', 'pool: {"n":1}']],
  [5, ['5']],
])('%j', (value, shown) => {
  const lines = replyLines([{ worker: 'a@h', ok: true, value }], paint)
  expect(lines.slice(1, -2).map((line) => line.trim())).toEqual(shown)
})

test('a long object is spread over lines', () => {
  const lines = replyLines(
    [{ worker: 'a@h', ok: true, value: { big: { list: Array.from({ length: 50 }, (_, index) => index) } } }],
    paint,
  )
  expect(lines.length).toBeGreaterThan(50)
})
