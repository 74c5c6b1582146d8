/** A key of Redis that holds something else than a task's record: a worker says so once, and goes on. */
import { createClient } from '@lovage/client'
import { defineTask } from '@lovage/core'
import { Worker } from '@lovage/worker'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createCeleryBroker } from '../celery-broker.ts'
import { redisRoom } from '../fixtures/redis/redis-room.ts'

const { url, raw } = await redisRoom()
const patient = { timeout: 20_000, interval: 20 } as const
const add = defineTask({ name: 'add', params: ['x', 'y'], run: ({ x, y }: { x: number; y: number }) => x + y })

test('a worker settles what it cannot store, tells it once, and takes the next', { timeout: 60_000 }, async () => {
  const settings = { task_acks_late: true, worker_prefetch_multiplier: 1 }
  const broker = createClient(await createCeleryBroker({ url, results: url, settings }))
  onTestFinished(() => broker.close())
  const errors: string[] = []
  const worker = new Worker({ broker, tasks: [add], concurrency: 1 })
  worker.on('error', (error) => void errors.push((error as Error).message))
  await worker.start()
  onTestFinished(() => worker.stop())
  await raw.rpush('celery-task-meta-bad', 'a list')
  await broker.send(add, { x: 1, y: 1 }, { id: 'bad' })
  const good = await broker.send(add, { x: 2, y: 3 })
  expect(await good.result({ timeout: '20s' })).toBe(5)
  await vi.waitFor(async () => expect(await raw.exists('unacked', 'unacked_index', 'celery')).toBe(0), patient)
  const told =
    /^\[store unavailable\] expected the key "celery-task-meta-bad" to hold .* got: WRONGTYPE .*; not stored: SUCCESS of task bad$/
  expect(errors).toEqual([expect.stringMatching(told)])
  expect(await raw.lrange('celery-task-meta-bad', 0, -1)).toEqual(['a list'])
})
