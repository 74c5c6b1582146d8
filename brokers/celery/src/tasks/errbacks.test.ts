/** Errbacks of the new style: called in this process as in Python's, where the worker has the task and its `params` are three. */
import { createClient } from '@lovage/client'
import { defineTask, StoreError } from '@lovage/core'
import { Worker } from '@lovage/worker'
import { expect, onTestFinished, test, vi } from 'vitest'
import { signature } from '../canvas/index.ts'
import { createCeleryBroker } from '../celery-broker.ts'
import { redisRoom } from '../fixtures/redis/redis-room.ts'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import type { Embed } from '../wire/task-message.ts'

const failure = { name: 'TypeError', message: 'no' }
const told = { name: 'told', params: ['request', 'exc', 'traceback'] }
const [here, there] = [
  { task: 'told', args: ['own'], options: { task_id: 'e1' } },
  { task: 'elsewhere', options: { task_id: 'e2' } },
]
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A task of this worker that has begun to fail. */
async function failing(embed: Embed) {
  const cluster = new ToyCluster({ task_acks_late: true })
  const worker = await ToyWorker.open(cluster, ['job', 'old', told])
  cluster.arrive({ id: 't1', task: 'job', args: [7], rootId: 'r', embed })
  const settled = worker.last.settle({ type: 'failed', failure })
  await turn()
  return { cluster, worker, settled }
}

test('one is called before its task is acknowledged, and those that are not here are sent', async () => {
  const { cluster, worker, settled } = await failing({ errbacks: [here, there] })
  expect(cluster.log.slice(0, 3)).toEqual(['store FAILURE t1', 'declare celery', 'publish elsewhere e2 to celery'])
  const { message } = worker.last
  const [request, exc, traceback, own] = message.args as readonly unknown[]
  expect([message.name, message.parent, traceback, own]).toEqual(['told', 't1', 'TypeError: no\n', 'own'])
  expect(request).toMatchObject({ id: 't1', task: 'job', args: [7], retries: 0, root_id: 'r', hostname: 'toy@test' })
  expect(exc).toEqual({ exc_type: 'TypeError', exc_message: ['no'], exc_module: null })
  expect(cluster.log).toHaveLength(3)
  await worker.last.settle({ type: 'completed', result: 'nobody sees it' })
  expect(await settled).toBe(true)
  expect(cluster.log.slice(3)).toEqual(['ack t1'])
})

test('one that fails is told, and keeps nothing', async () => {
  const { cluster, worker, settled } = await failing({ errbacks: [here] })
  await worker.last.settle({ type: 'failed', failure: { name: 'RangeError', message: 'it is broken' } })
  expect(await settled).toBe(true)
  expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  expect(worker.errors).toEqual([
    '[task failed] expected the errback told of task t1 to succeed, got: RangeError: it is broken; it is not called again',
  ])
})

test('one that a worker does not begin any more is sent to others', async () => {
  const { cluster, worker, settled } = await failing({ errbacks: [here] })
  await worker.last.settle({ type: 'released' })
  await settled
  expect(cluster.log).toEqual(['store FAILURE t1', 'declare celery', 'publish told e1 to celery', 'ack t1'])
  expect(cluster.published[0]?.args).toEqual(['t1', 'own'])
})

test('one that can only not be sent now is sent later, and nobody is told a second time', async () => {
  const cluster = new ToyCluster({ task_acks_late: true })
  const { transport } = cluster.member
  const { publish } = transport
  const fails = [false, true, false, true, false]
  Object.assign(transport, {
    publish: (publications: never) => {
      return fails.shift() ? Promise.reject(new StoreError('STORE_UNAVAILABLE', 'away')) : publish(publications)
    },
  })
  const worker = await ToyWorker.open(cluster, ['job', told])
  const other = { task: 'other', options: { task_id: 'e3' } }
  const second = { ...here, options: { task_id: 'e4' } }
  cluster.arrive({ id: 't1', task: 'job', embed: { errbacks: [there, other, here, second] } })
  const [delivery] = worker.deliveries
  const fail = async () => delivery?.settle({ type: 'failed', failure })
  await expect(fail()).rejects.toThrow('away')
  const again = expect(fail()).rejects.toThrow('away')
  await turn()
  await worker.last.settle({ type: 'completed', result: null })
  await turn()
  await worker.last.settle({ type: 'released' })
  await again
  expect(worker.deliveries).toHaveLength(3)
  expect(await fail()).toBe(true)
  expect(worker.deliveries).toHaveLength(3)
  const sent = cluster.log.filter((line) => !line.startsWith('declare'))
  expect(sent).toEqual([
    'store FAILURE t1',
    'publish elsewhere e2 to celery',
    'publish other e3 to celery',
    'publish told e4 to celery',
    'ack t1',
  ])
})

test('that of a chord hears of the body', async () => {
  const body = { task: 'body', args: [1], options: { task_id: 'b1', link_error: [here] } }
  const cluster = new ToyCluster()
  const members = async () => [{ id: 't1', state: 'FAILURE', result: { exc_type: 'TypeError', exc_message: ['no'] } }]
  Object.assign(cluster.member.results?.chords ?? {}, { report: members })
  const worker = await ToyWorker.open(cluster, ['job', told])
  cluster.arrive({ id: 't1', task: 'job', group: 'g', groupIndex: 0, embed: { chord: body } })
  void worker.last.settle({ type: 'failed', failure })
  await turn()
  const [request, exc] = worker.last.message.args as readonly unknown[]
  expect(request).toMatchObject({ id: 'b1', task: 'body', args: [1] })
  expect(exc).toMatchObject({ exc_type: 'ChordError', exc_message: ["Dependency t1 raised TypeError('no')"] })
})

const { url } = await redisRoom()

test('a worker runs it like any task, with what it takes by name', { timeout: 60_000 }, async () => {
  const room = await createCeleryBroker({ url })
  const heard: unknown[] = []
  const bad = defineTask({
    name: 'bad',
    retry: { limit: 0 },
    run: () => {
      throw new RangeError('boom')
    },
  })
  const tell = defineTask({ ...told, run: (input: unknown) => void heard.push(input) })
  const worker = new Worker({ broker: createClient(room), tasks: [bad, tell], concurrency: 1 })
  await worker.start()
  onTestFinished(async () => {
    await worker.stop()
    await room.close()
  })
  const { id } = await room.canvas.apply(signature('bad').linkError(signature('told')))
  await vi.waitFor(() => expect(heard).toHaveLength(1), { timeout: 20_000, interval: 20 })
  const exc = { exc_type: 'RangeError', exc_message: ['boom'], exc_module: null }
  const traceback = expect.stringMatching(/^Traceback[\s\S]*RangeError: boom/)
  expect(heard).toEqual([{ request: expect.objectContaining({ id, task: 'bad', hostname: worker.name }), exc, traceback }])
})
