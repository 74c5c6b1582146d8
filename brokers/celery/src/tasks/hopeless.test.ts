/** Ends of tasks that can never be written as they ought to be: told once, and let go of as Celery lets go of them. */
import { ConfigError, StoreError } from '@lovage/core'
import { expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import type { CelerySettingsInput } from '../settings/celery-settings.ts'
import type { TaskRequest } from '../wire/task-message.ts'

/** A task of this cluster that has begun, whose results nobody takes. */
async function begun(error: Error, settings: CelerySettingsInput = {}, request: Partial<TaskRequest> = {}) {
  const cluster = new ToyCluster({ task_acks_late: true, ...settings })
  const refusal = { error: error as Error | undefined }
  const { results } = cluster.member
  const store = results?.store.bind(results)
  Object.assign(results ?? {}, {
    store: async (entries: never) => {
      if (refusal.error !== undefined) throw refusal.error
      await store?.(entries)
    },
  })
  const worker = await ToyWorker.open(cluster)
  cluster.arrive({ id: 't1', task: 'job', ...request })
  return { cluster, worker, refusal, delivery: worker.last }
}

const wrongType = new StoreError('STORE_UNAVAILABLE', 'expected a record', { retryable: false })
const bug = new TypeError('undefined is not a function')

test('a result that can never be stored is left out: the message ends as that of a failed task', async () => {
  const { cluster, worker, delivery } = await begun(wrongType)
  expect(await delivery.settle({ type: 'completed', result: 5 })).toBe(true)
  expect(cluster.log).toEqual(['ack t1'])
  expect(worker.errors).toEqual(['[store unavailable] expected a record; not stored: SUCCESS of task t1'])
  const dead = await begun(wrongType, { task_acks_on_failure_or_timeout: false })
  await dead.delivery.settle({ type: 'completed', result: 5 })
  expect(dead.cluster.log).toEqual(['reject t1'])
})

test('what follows such a task comes all the same', async () => {
  const next = { task: 'next', options: { task_id: 'n1' } }
  const body = { task: 'body', options: { task_id: 'b1' } }
  const { cluster, delivery } = await begun(wrongType, {}, { group: 'g', groupIndex: 0, embed: { chain: [next], chord: body } })
  await delivery.settle({ type: 'completed', result: 5 })
  expect(cluster.log).toEqual(['declare celery', 'publish next n1 to celery', 'report SUCCESS t1', 'ack t1'])
})

test('an error that nobody foresaw is tried some times, and then the task has failed of it', async () => {
  const { cluster, worker, refusal, delivery } = await begun(bug)
  for (let attempt = 1; attempt < 5; attempt++) {
    await expect(delivery.settle({ type: 'completed', result: 5 })).rejects.toThrow(bug)
  }
  expect(cluster.log).toEqual([])
  const last = delivery.settle({ type: 'completed', result: 5 })
  refusal.error = undefined
  expect(await last).toBe(true)
  expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  expect(cluster.stored[0]?.record.result).toMatchObject({ exc_type: 'TypeError', exc_message: [bug.message] })
  expect(worker.errors).toEqual([
    '[bug] expected the outcome `completed` of task t1 to be taken, got: undefined is not a function; its message ends as that of a failed task, and what was to be stored or to follow may be missing',
  ])
})

test('where not even that can be said its message ends', async () => {
  const { cluster, worker, delivery } = await begun(bug, { task_acks_on_failure_or_timeout: false })
  for (let attempt = 1; attempt < 5; attempt++) await delivery.settle({ type: 'completed', result: 5 }).catch(() => {})
  expect(await delivery.settle({ type: 'completed', result: 5 })).toBe(true)
  expect(cluster.log).toEqual(['reject t1'])
  expect(worker.errors).toHaveLength(1)
})

test('a retry that can never be sent has failed at once', async () => {
  const { cluster, worker, refusal, delivery } = await begun(wrongType)
  refusal.error = undefined
  Object.assign(cluster.member.transport, {
    publish: async () => {
      throw new ConfigError('QUEUE_MISMATCH', 'it has other flags')
    },
  })
  expect(await delivery.settle({ type: 'retried', delayMs: 0, limit: 3 })).toBe(true)
  expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  expect(worker.errors).toEqual([
    expect.stringMatching(/^\[queue mismatch\] expected the outcome `retried` of task t1 to be taken/),
  ])
})

test.for([
  ['unknown', 'ghost', ['store FAILURE t2', 'reject t2']],
  ["Celery's own", 'celery.backend_cleanup', ['store SUCCESS t2', 'ack t2']],
] as const)('a task that is %s is tried until it can be settled', async ([, task, log]) => {
  const { cluster, worker, refusal } = await begun(new StoreError('STORE_FULL', 'no memory'))
  cluster.arrive({ id: 't2', task })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  await turn()
  cluster.advance(100)
  await turn()
  expect(worker.errors).toEqual(['[store full] no memory', '[store full] no memory'])
  refusal.error = undefined
  cluster.advance(200)
  await turn()
  expect(cluster.log).toEqual(log)
  await worker.consumer?.close()
})
