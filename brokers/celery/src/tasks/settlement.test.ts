/** What each outcome sends, stores and acknowledges, and in which order. */
import { StoreError, TaskError } from '@lovage/core'
import { describe, expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import type { CelerySettingsInput } from '../settings/celery-settings.ts'
import type { Publication } from '../transport.ts'
import type { TaskRequest } from '../wire/task-message.ts'

const failure = { name: 'TypeError', message: 'no', stack: 'TypeError: no\n    at run (file:///app/tasks.ts:3:5)' }
const next = {
  task: 'next',
  args: [],
  kwargs: {},
  options: { task_id: 'n1', reply_to: 'client' },
  subtask_type: null,
  immutable: false,
}
const link = { ...next, task: 'linked', options: { task_id: 'l1' } }
const body = { ...next, task: 'body', options: { task_id: 'b1' } }

/** One task in the hands of a worker, begun. */
async function begun(
  request: Partial<TaskRequest> = {},
  settings: CelerySettingsInput = {},
  kind: 'redis' | 'rpc' | 'none' = 'redis',
) {
  const cluster = new ToyCluster(settings, kind)
  const worker = await ToyWorker.open(cluster)
  cluster.arrive({ id: 't1', task: 'job', ...request })
  const { last: delivery } = worker
  void delivery.accept()
  return { cluster, worker, delivery }
}

const late = { task_acks_late: true } as const

describe('a task', () => {
  test('that acknowledges early is acknowledged when it begins', async () => {
    const { cluster, delivery } = await begun()
    expect(cluster.log).toEqual(['ack t1'])
    expect(await delivery.settle({ type: 'completed', result: 5 })).toBe(true)
    expect(cluster.log).toEqual(['ack t1', 'store SUCCESS t1'])
    expect(cluster.stored[0]).toMatchObject({
      replyTo: 'client',
      correlationId: 't1',
      record: { result: 5, children: [], doneAtMs: cluster.now },
    })
  })

  test('that acknowledges late is acknowledged when its result is safe', async () => {
    const { cluster, delivery } = await begun({}, late)
    await delivery.settle({ type: 'completed', result: undefined })
    expect(cluster.log).toEqual(['store SUCCESS t1', 'ack t1'])
    expect(cluster.stored[0]?.record.result).toBeNull()
  })

  test('may be late by its own annotation', async () => {
    const { cluster } = await begun({}, { task_annotations: { job: { acks_late: true } } })
    expect(cluster.log).toEqual([])
  })

  test('whose result nobody wants stores nothing', async () => {
    const ways: readonly [Partial<TaskRequest>, CelerySettingsInput][] = [
      [{ ignoreResult: true }, late],
      [{}, { ...late, task_ignore_result: true }],
    ]
    for (const [request, settings] of ways) {
      const { cluster, delivery } = await begun(request, settings)
      await delivery.settle({ type: 'completed', result: 1 })
      expect(cluster.log).toEqual(['ack t1'])
    }
    const failing = await begun({ ignoreResult: true }, { ...late, task_store_errors_even_if_ignored: true })
    await failing.delivery.settle({ type: 'failed', failure })
    expect(failing.cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  })

  test('tells that it has begun where that is tracked', async () => {
    const { cluster } = await begun({}, { ...late, task_track_started: true })
    expect(cluster.stored[0]?.record).toMatchObject({ status: 'STARTED', result: { hostname: 'toy@test', pid: process.pid } })
  })

  test('settled twice is refused', async () => {
    const { delivery } = await begun()
    await delivery.settle({ type: 'completed', result: 1 })
    await expect(delivery.settle({ type: 'completed', result: 1 })).rejects.toMatchObject({ code: 'SETTLED_TWICE' })
  })
})

describe('success', () => {
  test('sends callbacks and the next step before it is stored, then the part of the chord', async () => {
    const embed = { callbacks: [link], chain: [next], chord: body }
    const { cluster, delivery } = await begun({ embed, group: 'g1', groupIndex: 2 }, late)
    await delivery.settle({ type: 'completed', result: 7 })
    expect(cluster.log.filter((line) => !line.startsWith('declare'))).toEqual([
      'publish linked l1 to celery',
      'publish next n1 to celery',
      'store SUCCESS t1',
      'report SUCCESS t1',
      'ack t1',
    ])
    expect(cluster.published.map(({ args, parentId, rootId }) => ({ args, parentId, rootId }))).toEqual(
      Array(2).fill({ args: [7], parentId: 't1', rootId: 't1' }),
    )
    expect(cluster.stored[0]?.record.children).toEqual([
      [['l1', null], null],
      [['n1', null], null],
    ])
    expect(cluster.parts).toEqual([{ group: 'g1', index: 2, id: 't1', state: 'SUCCESS', result: 7 }])
  })

  test('settled again after a failure half-way sends nothing twice', async () => {
    const { cluster, delivery } = await begun({ embed: { callbacks: [link] } }, late)
    cluster.failure = new StoreError('STORE_UNAVAILABLE', 'away')
    await expect(delivery.settle({ type: 'completed', result: 7 })).rejects.toThrow('away')
    expect(cluster.log).not.toContain('ack t1')
    await delivery.settle({ type: 'completed', result: 7 })
    expect(cluster.published).toHaveLength(1)
    expect(cluster.log.slice(-2)).toEqual(['store SUCCESS t1', 'ack t1'])
  })

  test('whose callbacks could not all be sent sends them again under their ids', async () => {
    const { cluster, delivery } = await begun({ embed: { callbacks: [{ task: 'one' }, { task: 'other' }] } }, late)
    const { transport } = cluster.member
    const { publish } = transport
    const half = async ([first]: readonly Publication[]) => {
      await publish(first === undefined ? [] : [first])
      Object.assign(transport, { publish })
      throw new StoreError('STORE_UNAVAILABLE', 'away')
    }
    Object.assign(transport, { publish: half })
    await expect(delivery.settle({ type: 'completed', result: 7 })).rejects.toThrow('away')
    await delivery.settle({ type: 'completed', result: 7 })
    const [one, again, other] = cluster.published.map(({ id, task }) => [task, id])
    expect([one, other?.[0]]).toEqual([again, 'other'])
    expect(cluster.log.slice(-2)).toEqual(['store SUCCESS t1', 'ack t1'])
  })

  test('that cannot be written is told as such, and another outcome may follow', async () => {
    const { cluster, delivery } = await begun({}, late)
    cluster.failure = new TaskError('INPUT_UNSERIALIZABLE', 'a circle')
    await expect(delivery.settle({ type: 'completed', result: 7 })).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
    await delivery.settle({ type: 'failed', failure })
    expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  })

  test('with a callback that cannot be read is a failure, as in Celery', async () => {
    const { cluster, delivery } = await begun({ embed: { callbacks: [{ options: {} }] } }, late)
    await delivery.settle({ type: 'completed', result: 7 })
    expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  })
})

describe('failure', () => {
  test('is stored for the rest of the chain, too, told to its chord, then to errbacks', async () => {
    const errback = { ...link, task: 'errback', options: { task_id: 'e1' } }
    const embed = { chain: [{ ...next, options: { task_id: 'n2' } }, next], errbacks: [errback], chord: body }
    const { cluster, delivery } = await begun({ embed, group: 'g1' }, late)
    await delivery.settle({ type: 'failed', failure })
    expect(cluster.log.filter((line) => !line.startsWith('declare'))).toEqual([
      'store FAILURE t1',
      'store FAILURE n1',
      'store FAILURE n2',
      'report FAILURE t1',
      'publish errback e1 to celery',
      'ack t1',
    ])
    expect(cluster.published[0]).toMatchObject({ args: ['t1'], parentId: 't1' })
    const { result, traceback } = cluster.stored[0]?.record ?? {}
    expect(result).toEqual({ exc_type: 'TypeError', exc_message: ['no'], exc_module: null })
    expect(traceback).toBe('Traceback (most recent call last):\n  File "/app/tasks.ts", line 3, in run\nTypeError: no\n')
  })

  test('is rejected where the settings say so, and by its time limit has the name that Python knows', async () => {
    const { cluster, delivery } = await begun({ hardLimitMs: 1500 }, { ...late, task_acks_on_failure_or_timeout: false })
    await delivery.settle({ type: 'failed', failure, reason: 'timeout' })
    expect(cluster.log).toEqual(['store FAILURE t1', 'reject t1'])
    expect(cluster.stored[0]?.record.result).toEqual({
      exc_type: 'TimeLimitExceeded',
      exc_message: [1.5],
      exc_module: 'billiard.exceptions',
    })
  })
})

describe('a task whose thread or process died', () => {
  const died = { name: 'ProcessDied', message: 'expected process 7 to live' }
  const lost = { type: 'failed', failure: died, reason: 'child-died' } as const

  test('has failed by the name that Python knows', async () => {
    const { cluster, delivery } = await begun({}, late)
    expect(await delivery.settle(lost)).toBe(true)
    expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
    expect(cluster.stored[0]?.record.result).toEqual({
      exc_type: 'WorkerLostError',
      exc_message: [died.message],
      exc_module: 'billiard.exceptions',
    })
  })

  test('goes back to its queue where the settings say so, and nobody hears of an end', async () => {
    const settings: readonly CelerySettingsInput[] = [
      { ...late, task_reject_on_worker_lost: true },
      { task_annotations: { job: { acks_late: true, reject_on_worker_lost: true } } },
    ]
    for (const given of settings) {
      const { cluster, delivery } = await begun({}, given)
      expect(await delivery.settle({ type: 'retried', delayMs: 0, limit: 3, failure: died, reason: 'child-died' })).toBe(false)
      expect(cluster.log).toEqual(['requeue t1'])
    }
    const failing = await begun({}, { ...late, task_reject_on_worker_lost: true })
    await failing.delivery.settle({ type: 'failed', failure })
    expect(failing.cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
  })

  test('is not there to go back where it was acknowledged when it began', async () => {
    const { cluster, delivery } = await begun({}, { task_reject_on_worker_lost: true })
    await delivery.settle(lost)
    expect(cluster.log).toEqual(['ack t1', 'store FAILURE t1'])
  })
})

describe('a retry', () => {
  test('is a new message, then a state, then the acknowledgement', async () => {
    const embed = { chain: [next], chord: body }
    const { cluster, delivery } = await begun({ embed, group: 'g1', headers: { trace: 'x' }, replyTo: 'client' }, late)
    await delivery.settle({ type: 'retried', delayMs: 2000, limit: 3, failure })
    expect(cluster.log).toEqual(['publish job t1 to celery', 'store RETRY t1', 'ack t1'])
    expect(cluster.published[0]).toMatchObject({
      retries: 1,
      etaMs: cluster.now + 2000,
      parentId: 't1',
      group: 'g1',
      embed: { chain: [next], chord: body },
      headers: { trace: 'x' },
      replyTo: 'client',
    })
    expect(cluster.stored[0]?.record).toMatchObject({ result: { exc_type: 'TypeError' }, children: [[['t1', null], null]] })
  })

  test('without one left is a failure: by the limit of the sender before that of the worker', async () => {
    const { cluster, delivery } = await begun({ retries: 1, headers: { lovage_retries: 1 } }, late)
    await delivery.settle({ type: 'retried', delayMs: 0, limit: 3 })
    expect(cluster.log).toEqual(['store FAILURE t1', 'ack t1'])
    expect(cluster.stored[0]?.record.result).toMatchObject({
      exc_type: 'MaxRetriesExceededError',
      exc_module: 'celery.exceptions',
    })
  })
})

describe('a task given back', () => {
  test('returns to its queue', async () => {
    const { cluster, delivery } = await begun({}, late)
    await delivery.settle({ type: 'released' })
    expect(cluster.log).toEqual(['requeue t1'])
  })

  test('is sent anew where it was acknowledged, or is to stay away for a while', async () => {
    const early = await begun({ retries: 2 })
    await early.delivery.settle({ type: 'released' })
    expect(early.cluster.log).toEqual(['ack t1', 'publish job t1 to celery'])
    const away = await begun({ retries: 2 }, late)
    await away.delivery.settle({ type: 'released', delayMs: 1000 })
    expect(away.cluster.log).toEqual(['publish job t1 to celery', 'ack t1'])
    expect(away.cluster.published[0]).toMatchObject({ retries: 2, etaMs: away.cluster.now + 1000 })
  })
})

describe('a task revoked', () => {
  test.for([
    [{ type: 'cancelled', message: 'terminated' }, 'terminated'],
    [{ type: 'cancelled' }, 'revoked'],
    [{ type: 'rejected', reason: 'deadline-exceeded' }, 'expired'],
  ] as const)('by %o', async ([outcome, text]) => {
    const { cluster, delivery } = await begun({ embed: { chord: body }, group: 'g1' }, late)
    await delivery.settle(outcome)
    expect(cluster.log).toEqual(['store REVOKED t1', 'report REVOKED t1', 'ack t1'])
    expect(cluster.stored[0]?.record.result).toEqual({
      exc_type: 'TaskRevokedError',
      exc_message: [text],
      exc_module: 'celery.exceptions',
    })
  })
})
