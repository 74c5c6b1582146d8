/** What follows a task and can never be sent: it keeps no message in hand, and is told. */
import { ConfigError, ProtocolError, StoreError } from '@lovage/core'
import { expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import type { ChordMember } from '../result-backend.ts'
import type { TaskRequest } from '../wire/task-message.ts'

const failure = { name: 'TypeError', message: 'no' }
const body = { task: 'body', options: { task_id: 'b1', queue: 'taken' } }
const mismatch = new ConfigError('QUEUE_MISMATCH', 'it has other flags')

/** A task that has begun in a cluster whose queue `taken` cannot be declared, and whose chord this task completes. */
async function begun(request: Partial<TaskRequest>, report: () => Promise<readonly ChordMember[]>) {
  const cluster = new ToyCluster({ task_acks_late: true })
  const { transport, results } = cluster.member
  const declare = async ({ name }: { readonly name: string }) => {
    if (name === 'taken') throw mismatch
  }
  Object.assign(transport, { declare })
  Object.assign(results?.chords ?? {}, { report })
  const worker = await ToyWorker.open(cluster)
  cluster.arrive({ id: 't1', task: 'job', ...request })
  void worker.last.accept()
  return { cluster, worker, delivery: worker.last }
}

const members = async () => [{ id: 't1', state: 'SUCCESS', result: 1 }]
const ending = { group: 'g1', groupIndex: 0, embed: { chord: body } }

test('an errback is told and left out, and the others are sent', async () => {
  const errbacks = [body, { task: 'errback', options: { task_id: 'e1' } }]
  const { cluster, worker, delivery } = await begun({ embed: { errbacks } }, members)
  expect(await delivery.settle({ type: 'failed', failure })).toBe(true)
  expect(cluster.log).toEqual(['store FAILURE t1', 'publish errback e1 to celery', 'ack t1'])
  expect(worker.errors).toEqual([mismatch.message])
})

test('the body of a chord has failed, as in Celery', async () => {
  const { cluster, delivery } = await begun(ending, members)
  expect(await delivery.settle({ type: 'completed', result: 1 })).toBe(true)
  expect(cluster.log).toEqual(['store SUCCESS t1', 'store FAILURE b1', 'ack t1'])
  expect(cluster.stored.at(-1)?.record.result).toMatchObject({
    exc_type: 'ChordError',
    exc_message: [`Callback error: ${mismatch.message}`],
  })
})

test('so has one whose parts cannot be read', async () => {
  const { cluster, delivery } = await begun(ending, async () => {
    throw new ProtocolError('PROTOCOL_INVALID', 'no part')
  })
  expect(await delivery.settle({ type: 'completed', result: 1 })).toBe(true)
  expect(cluster.log).toEqual(['store SUCCESS t1', 'store FAILURE b1', 'ack t1'])
})

test('a part that can only not be told now keeps its message until it is', async () => {
  let isAway = true
  const { cluster, delivery } = await begun(ending, async () => {
    if (isAway) throw new StoreError('STORE_UNAVAILABLE', 'away')
    return []
  })
  await expect(delivery.settle({ type: 'completed', result: 1 })).rejects.toThrow('away')
  expect(cluster.log).toEqual(['store SUCCESS t1'])
  isAway = false
  expect(await delivery.settle({ type: 'completed', result: 1 })).toBe(true)
  expect(cluster.log.at(-1)).toBe('ack t1')
})

test('a body that is sent is not sent again where what follows it can only not be done now', async () => {
  const { cluster, delivery } = await begun(
    { ...ending, embed: { chord: { task: 'body', options: { task_id: 'b1' } } } },
    members,
  )
  let isAway = true
  const end = async (group: string): Promise<void> => {
    if (isAway) throw new StoreError('STORE_UNAVAILABLE', 'away')
    cluster.log.push(`end ${group}`)
  }
  Object.assign(cluster.member.results?.chords ?? {}, { end })
  await expect(delivery.settle({ type: 'completed', result: 1 })).rejects.toThrow('away')
  isAway = false
  expect(await delivery.settle({ type: 'completed', result: 1 })).toBe(true)
  expect(cluster.log.filter((line) => !line.startsWith('store'))).toEqual(['publish body b1 to celery', 'end g1', 'ack t1'])
})
