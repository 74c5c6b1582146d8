/** What a wait in vain says. */
import type { Client } from '@lovage/client'
import { TaskError } from '@lovage/core'
import { expect, test } from 'vitest'
import type { Invocation } from './invocation.ts'
import { awaitResult } from './wait-for-task.ts'

test.for([
  [{}, 'wait longer, or see `lovage show t1`'],
  [undefined, 'wait longer, or see what workers run: `lovage inspect active`'],
] as const)('advises what the broker can do: %s', async ([admin, advice]) => {
  const results = {
    wait: () => Promise.reject(new TaskError('WAIT_TIMEOUT', 'in vain')),
    get: async () => [{ id: 't1', state: 'unknown' }],
  }
  const invocation = { settings: { json: true }, options: { timeout: 1000 } } as unknown as Invocation<object>
  const waiting = awaitResult(invocation, { results, admin } as unknown as Client, 't1')
  await expect(waiting).rejects.toThrow(`expected task t1 to be resolved within 1s, got: it is unknown; ${advice}`)
})
