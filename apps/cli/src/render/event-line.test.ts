/** An event as a line: time, type, subject, what it tells, who says so. */
import { expect, test } from 'vitest'
import { eventLine } from './event-line.ts'
import { painter } from './paint.ts'

const paint = painter({ colours: false })
const line = (event: Record<string, unknown>) =>
  eventLine({ type: 'x', at: 0, worker: 'a@h', ...event }, paint).replace(/^\d\d:\d\d:\d\d\.\d{3} {2}/, '')

test.each([
  [
    { type: 'task-succeeded', id: 't-1', name: 'add', run: 0, result: '3', runtime: 0.2, pid: 1, clock: 9 },
    'task-succeeded    add t-1  run=0  result=3  runtime=0.2  a@h',
  ],
  [
    { type: 'task-progress', id: 't-1', name: 'add', value: 0.5, detail: 'half' },
    'task-progress     add t-1  progress=50% half  a@h',
  ],
  [
    { type: 'task-failed', id: 't-1', exception: 'TypeError: a\nb', traceback: 'at x\nat y' },
    'task-failed       t-1  exception=TypeError: a b  a@h',
  ],
  [{ type: 'worker-online', loadavg: [1, 2], note: null }, 'worker-online     loadavg=[1,2]  a@h'],
  [{ type: 'my-own-event', text: 'x'.repeat(200) }, `my-own-event      text=${'x'.repeat(119)}…  a@h`],
])('%j', (event, text) => {
  expect(line(event)).toBe(text)
})
