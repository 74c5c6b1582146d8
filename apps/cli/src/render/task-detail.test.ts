/** One task in full: everything that is known stands there, what is not is left out. */
import type { Task } from '@lovage/core'
import { expect, test } from 'vitest'
import { painter } from './paint.ts'
import { taskDetail } from './task-detail.ts'
import { taskRows } from './task-rows.ts'

const now = Date.UTC(2027, 0, 31, 9, 0, 0)
const task: Task = {
  id: 't-1',
  name: 'images.resize',
  queue: 'images',
  priority: 5,
  state: 'pending',
  input: '{"url":"https://example.org/a.png"}',
  run: -1,
  retries: 0,
  lost: 0,
  lostLimit: 5,
  blockers: 0,
  createdAt: now - 5000,
  runs: [],
}
const failure = {
  name: 'TypeError',
  message: 'no url\nat all',
  code: 'E_URL',
  stack: 'TypeError: no url\n    at run (a.ts:1:2)',
  cause: { name: 'Error', message: 'empty' },
}
const style = { paint: painter({ colours: false }), now, stacks: false }
const explained = { id: 't-1', state: task.state, reasons: ['no live worker knows images.resize'] } as const
const lines = (changed: Partial<Task>, stacks = false, logs: Parameters<typeof taskDetail>[0]['logs'] = []) =>
  taskDetail({ task: { ...task, ...changed }, logs, explanation: explained }, { ...style, stacks }).map((line) => line.trimEnd())

test('a task that waits says why', () => {
  const shown = lines({})
  expect(shown[0]).toBe('images.resize t-1')
  expect(shown).toEqual(
    expect.arrayContaining([
      'state     pending',
      'queue     images',
      'priority  high',
      'Why',
      '  no live worker knows images.resize',
      'Input',
      '  {"url":"https://example.org/a.png"}',
    ]),
  )
  expect(shown.join('\n')).not.toMatch(/undefined|worker {4}|Runs|Result|Failure|Log\n/)
})

test('retries count up to the limit of the task, else of the definition, as far as it is known', () => {
  expect(lines({})).toContain('retries   0')
  expect(lines({ retryLimit: 7, retries: 1 })).toContain('retries   1 of 7')
  expect(taskDetail({ task, logs: [], explanation: explained, retryLimit: 2 }, style)).toContain('retries   0 of 2')
})

test('a task that ended because of another says which', () => {
  const ended = lines({ state: 'exception', reason: 'dependency-failed', resolvedAt: now })
  expect(ended).toEqual(expect.arrayContaining(['Why', '  no live worker knows images.resize']))
  expect(lines({ state: 'failed', resolvedAt: now })).not.toContain('Why')
})

test('runs are a timeline, the last of them from the task itself', () => {
  const runs = [{ run: 0, worker: 'a@b', startedAt: now - 4000, endedAt: now - 3000, outcome: 'retried', failure } as const]
  const shown = lines({
    runs,
    run: 1,
    state: 'running',
    worker: 'c@d',
    startedAt: now - 2000,
    takenUntil: now + 30_000,
    progress: '{"value":0.25,"detail":"half of half"}',
  })
  expect(shown.join('\n')).toMatch(
    /run 0 {2}2027-01-31 \d\d:\d\d:56 {6}1s {2}a@b {2}retried: TypeError: no url \(E_URL\)\n {2}run 1 {2}.* {6}2s {2}c@d {2}running/,
  )
  expect(shown).toContain('progress     25% half of half')
})

test('a failure shows its causes, and its frames when asked', () => {
  const failed = { state: 'failed', run: 0, startedAt: now - 2000, resolvedAt: now, worker: 'a@b', failure } as const
  expect(lines(failed)).toEqual(
    expect.arrayContaining(['Failure', '  TypeError: no url (E_URL)', '    at all', '  caused by empty']),
  )
  expect(lines(failed)).not.toContain('Why')
  expect(lines(failed, true)).toContain('    at run (a.ts:1:2)')
})

test('what else there may be', () => {
  const shown = lines(
    {
      state: 'completed',
      result: JSON.stringify({ long: 'x'.repeat(120) }),
      resolvedAt: now,
      input: 'null',
      key: 'user-1',
      deadline: now + 60_000,
      extras: {
        args: [1],
        kwargs: { a: 2 },
        dependencies: ['d-1', 'd-2'],
        standIns: { 'd-2': 's-1' },
        timeoutMs: 90_000,
        parent: 'p-1',
        flow: 'f-1',
      },
      lost: 1,
    },
    false,
    [{ run: 0, at: now, level: 'warn', text: 'careful' }],
  ).join('\n')
  for (const part of [
    'args [1]',
    'kwargs {"a":2}',
    'd-1\n            s-1 in place of d-2',
    '1m 30s',
    'p-1',
    'f-1',
    'user-1',
    '1 of 5',
    '(in 1m)',
    'warn  careful',
    '"long": "xxx',
  ])
    expect(shown).toContain(part)
})

test('a list shows the most telling part of each life', () => {
  const about = (changed: Partial<Task>) =>
    taskRows([{ ...task, ...changed }], style.paint, now)[1]
      ?.split(/ {2,}/)
      .at(-1)
  expect(about({ state: 'blocked', blockers: 2 })).toBe('waits for 2 tasks')
  expect(about({ state: 'scheduled', dueAt: now + 60_000 })).toBe('due in 1m')
  expect(about({})).toBe('high')
  expect(about({ state: 'running', worker: 'a@b', progress: '0.5' })).toBe('a@b 50%')
  expect(about({ state: 'completed', result: '{"a":1}' })).toBe('{"a":1}')
  expect(about({ state: 'failed', failure, reason: 'timeout' })).toBe('timeout: TypeError: no url (E_URL)')
  expect(about({ state: 'exception', reason: 'cancelled' })).toBe('cancelled')
})
