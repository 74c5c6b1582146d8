/** What Celery has no place for is refused in words. */
import type { TaskMessage } from '@lovage/core'
import { expect, test } from 'vitest'
import { checkExpressible, taskRequest } from './outgoing-task.ts'

const message: TaskMessage = { id: 't1', name: 'job', queue: 'default', priority: 5 }
const sending = { origin: 'me', replyTo: 'me', ignoreResult: false, priority: undefined, parent: undefined }

test('an input beside arguments is refused: one of them would be lost', () => {
  for (const more of [{ args: [1] }, { kwargs: { n: 1 } }]) {
    expect(() => checkExpressible({ ...message, input: { in: 'put' }, ...more })).toThrow(
      '[unsupported] expected either `input` or `args` and `kwargs` for a task of Celery, got both for job; put the input among `kwargs`',
    )
    for (const input of [undefined, null]) checkExpressible({ ...message, input, ...more })
  }
  const both = { ...message, input: null, args: [1], kwargs: { n: 2 } }
  expect(taskRequest(both, sending)).toMatchObject({ args: [1], kwargs: { n: 2 } })
})
