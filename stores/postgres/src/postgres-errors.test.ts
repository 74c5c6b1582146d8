/** What the driver throws, in Lovage's words. */
import { LovageError, StoreError } from '@lovage/core'
import { expect, test } from 'vitest'
import { storeError } from './postgres-errors.ts'

test('a pooler that keeps no statements is about the place: no task is to fail for it', () => {
  for (const code of ['26000', '42P05']) {
    const error = storeError(Object.assign(new Error('prepared statement "s1" does not exist'), { code }), 'postgres://db/app')
    expect(error).toBeInstanceOf(StoreError)
    expect(LovageError.is(error, 'UNSUPPORTED')).toBe(true)
    expect(error.retryable).toBe(false)
  }
})
