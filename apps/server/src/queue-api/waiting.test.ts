/** Waiting for work: connections that close, and servers that do. */
import { request } from 'node:http'
import { StoreError } from '@lovage/core'
import { type MemoryBackend, memoryBackend } from '@lovage/store-memory'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definition, type Hall, hall, stockQueue } from './fixtures/hall.ts'

const queueId = 'test-prov/test-type'
let backend: MemoryBackend
let h: Hall
beforeEach(async () => {
  backend = memoryBackend()
  h = await hall(backend)
})
afterEach(() => h.close())

/** Somebody in the server waits for tasks of the queue. */
const isWaitedFor = (): Promise<void> =>
  expect.poll(() => backend.signal.heard(`ready.${queueId}`), { timeout: 10_000 }).toBe(true)

test('a worker whose connection closes is no longer given work', async () => {
  const sent = request(`${h.server.url}/api/queue/v1/claim-work/${encodeURIComponent(queueId)}`, { method: 'POST' })
  sent.on('error', () => {})
  sent.end('{"workerGroup":"group","workerId":"gone"}')
  await isWaitedFor()
  sent.destroy()
  // It is noted as seen when its wait is over.
  const isSeen = async () => (await h.client.desk?.records.read(`http-worker:${queueId}`, 'group/gone')) !== undefined
  await expect.poll(isSeen, { timeout: 10_000 }).toBe(true)
  await h.queue.createTask('a', definition())
  const { tasks } = await h.queue.claimWork(queueId, { workerGroup: 'group', workerId: 'next' })
  expect(tasks).toMatchObject([{ runId: 0, workerId: 'next', status: { taskId: 'a' } }])
})

test('a server that closes answers whoever waits with nothing', async () => {
  const waiting = h.queue.claimWork(queueId, { workerGroup: 'group', workerId: 'w1' })
  await isWaitedFor()
  await h.server.close()
  expect(await waiting).toEqual({ tasks: [] })
})

test('a store that is away for a moment is 503, which stock clients try again by themselves', async () => {
  const away = memoryBackend()
  const counts = away.store.counts.bind(away.store)
  let failures = 2
  const store = {
    ...away.store,
    async counts() {
      if (failures-- > 0) throw new StoreError('STORE_UNAVAILABLE', 'the store is away')
      return counts()
    },
  }
  const other = await hall({ ...away, store })
  try {
    await expect(other.queue.pendingTasks(queueId)).rejects.toMatchObject({ statusCode: 503, code: 'InternalServerError' })
    expect(await stockQueue(other.server.url, { retries: 5 }).pendingTasks(queueId)).toMatchObject({ pendingTasks: 0 })
  } finally {
    await other.close()
  }
})
