/** What is said before a place for results is opened. */
import { expect, test } from 'vitest'
import { ToyCluster } from './fixtures/toy-cluster.ts'
import { openResults } from './open-results.ts'

test('records in Redis that nobody here could read again are refused at once', async () => {
  const { member } = new ToyCluster({ result_serializer: 'msgpack' })
  await expect(openResults('redis', 'redis://127.0.0.1:1', member)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message:
      '[option invalid] expected `result_accept_content` (or `accept_content`) to have the `result_serializer`, in which everything stands in Redis, got none of: msgpack',
  })
  const accepting = new ToyCluster({ result_serializer: 'msgpack', result_accept_content: ['msgpack'] })
  await expect(openResults('redis', 'redis://127.0.0.1:1', accepting.member)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  const rpc = await openResults('rpc', 'rpc://', member)
  expect(rpc?.kind).toBe('rpc')
})
