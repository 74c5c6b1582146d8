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

test('a worker that is put in quarantine while it waits gets nothing, and keeps nothing from others', async () => {
  const identity = { workerGroup: 'group', workerId: 'w1' }
  const [provisionerId, workerType] = queueId.split('/')
  await h.queue.declareWorker(provisionerId, workerType, 'group', 'w1', { expires: new Date(Date.now() + 60_000).toJSON() })
  const waiting = h.queue.claimWork(queueId, identity)
  await isWaitedFor()
  const quarantineUntil = new Date(Date.now() + 60_000).toJSON()
  await h.queue.quarantineWorker(provisionerId, workerType, 'group', 'w1', { quarantineUntil })
  await h.queue.createTask('a', definition())
  expect(await waiting).toEqual({ tasks: [] })
  const { tasks } = await h.queue.claimWork(queueId, { workerGroup: 'group', workerId: 'w2' })
  expect(tasks).toMatchObject([{ workerId: 'w2', status: { taskId: 'a', retriesLeft: 5 } }])
})

test('a server that closes answers whoever waits with nothing', async () => {
  const waiting = h.queue.claimWork(queueId, { workerGroup: 'group', workerId: 'w1' })
  await isWaitedFor()
  await h.server.close()
  expect(await waiting).toEqual({ tasks: [] })
})

test('a worker that cannot be told of its task does not keep it', async () => {
  const away = memoryBackend()
  const { records } = away.store
  let isAway = false
  const store = Object.assign(Object.create(away.store), {
    records: {
      read: records.read.bind(records),
      list: records.list.bind(records),
      async write(...args: Parameters<typeof records.write>) {
        if (isAway) throw new StoreError('STORE_UNAVAILABLE', 'the store is away')
        return records.write(...args)
      },
    },
  })
  const other = await hall({ ...away, store })
  try {
    for (const id of ['a', 'b']) await other.queue.createTask(id, definition())
    isAway = true
    const refused = other.queue.claimWork(queueId, { workerGroup: 'group', workerId: 'w1', tasks: 2 })
    await expect(refused).rejects.toMatchObject({ statusCode: 503 })
    await expect(other.queue.claimTask('a', 1, { workerGroup: 'group', workerId: 'w1' })).rejects.toMatchObject({
      statusCode: 503,
    })
    isAway = false
    const { tasks } = await other.queue.claimWork(queueId, { workerGroup: 'group', workerId: 'w2', tasks: 2 })
    expect(tasks).toMatchObject([
      { workerId: 'w2', status: { taskId: 'a', retriesLeft: 5 } },
      { workerId: 'w2', status: { taskId: 'b', retriesLeft: 5 } },
    ])
  } finally {
    await other.close()
  }
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
