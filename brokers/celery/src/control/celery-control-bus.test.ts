/** Requests to workers while the broker is away. */
import { StoreError } from '@lovage/core'
import { expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { CeleryControlBus } from './celery-control-bus.ts'

function away() {
  const { member } = new ToyCluster()
  const transport = { ...member.transport, listen: () => new Promise<never>(() => {}) }
  return new CeleryControlBus({ ...member, transport }, (handler) => handler)
}

test('one that nobody waits for any more ends, though replies cannot be heard', async () => {
  const ending = new AbortController()
  const request = away().request('ping', {}, { signal: ending.signal })
  ending.abort(new Error('enough'))
  await expect(request).rejects.toThrow('enough')
})

test('one ends with its broker', async () => {
  const bus = away()
  const request = bus.request('ping', {})
  bus.close(new StoreError('STORE_CLOSED', 'it was closed'))
  await expect(request).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})
