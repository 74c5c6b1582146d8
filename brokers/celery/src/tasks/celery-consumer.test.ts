/** What comes in: what is refused, what the worker sees, what the broker does itself, and a connection that breaks. */
import { StoreError } from '@lovage/core'
import { describe, expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'

async function setUp(settings = {}, tasks = ['job']) {
  const cluster = new ToyCluster(settings)
  return { cluster, worker: await ToyWorker.open(cluster, tasks) }
}

/** All that is under way without a clock or a network. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('messages that are no good tasks', () => {
  const json = { task: 'job', id: 't1' }
  const cases: readonly [string, Readonly<Record<string, unknown>>, unknown, string][] = [
    ['name no task', {}, { what: 'ever' }, 'reject t1'],
    ['have no id', { task: 'job' }, [[], {}, {}], 'reject t1'],
    ['have arguments that are none', json, [[], [], {}], 'reject t1'],
    ['have a time that is none', { ...json, eta: 'soon' }, [[], {}, {}], 'reject t1'],
  ]
  test.for(cases)('%s', async ([, headers, body, verdict]) => {
    const { cluster, worker } = await setUp()
    cluster.bringJson(headers, body, 't1')
    expect(cluster.log).toEqual([verdict])
    expect(worker.deliveries).toEqual([])
    expect(worker.errors).toEqual([
      expect.stringMatching(/^\[protocol invalid\] expected .* in the queue celery; it was rejected/),
    ])
  })

  test('are not read where their content is not accepted, and dropped where they cannot be read', async () => {
    const { cluster } = await setUp()
    const properties = { contentType: 'application/x-python-serialize', contentEncoding: 'binary', headers: json }
    cluster.bring({ properties, body: Buffer.from('\x80\x02.') }, 'pickled')
    cluster.bring({ properties: { ...properties, contentType: 'application/json' }, body: Buffer.from('{') }, 'broken')
    expect(cluster.log).toEqual(['reject pickled', 'ack broken'])
  })

  test('that nobody here knows fail as in Celery', async () => {
    const { cluster, worker } = await setUp({ worker_send_task_events: true })
    cluster.arrive({ id: 't1', task: 'ghost' })
    await settled()
    expect(cluster.log).toEqual(['store FAILURE t1', 'reject t1'])
    expect(cluster.stored[0]?.record.result).toMatchObject({ exc_type: 'NotRegistered', exc_message: ['ghost'] })
    expect(worker.told).toMatchObject([{ type: 'task-failed', id: 't1', exception: "NotRegistered('ghost')" }])
  })
})

describe('a delivery', () => {
  test('says what the message says', async () => {
    const { cluster, worker } = await setUp()
    const at = cluster.now + 5000
    const times = { etaMs: at, expiresMs: at + 1, hardLimitMs: 3000, softLimitMs: 2000 }
    cluster.arrive(
      { id: 't1', task: 'job', args: [1], kwargs: { k: 2 }, headers: { trace: 'x' }, retries: 2, parentId: 'p', ...times },
      true,
    )
    expect(worker.last.redelivered).toBe(true)
    expect(worker.last.message).toMatchObject({
      id: 't1',
      name: 'job',
      queue: 'celery',
      priority: 4,
      args: [1],
      kwargs: { k: 2 },
      headers: { trace: 'x' },
      at,
      deadline: at + 1,
      timeoutMs: 3000,
      softTimeoutMs: 2000,
      parent: 'p',
      run: 2,
      retries: 2,
    })
  })

  test('of a stamp that was revoked is not made', async () => {
    const { cluster, worker } = await setUp()
    expect(worker.stamps.add({ customer: ['a', 'b'] })).toBe("{'customer': ['a', 'b']}")
    cluster.arrive({ id: 't1', task: 'job', stampedHeaders: ['customer'], stamps: { customer: 'b' } })
    await settled()
    expect(worker.deliveries).toEqual([])
    expect(cluster.log).toEqual(['store REVOKED t1', 'ack t1'])
  })

  test('whose progress changes in one turn stores the last of it, and none after its end', async () => {
    const { cluster, worker } = await setUp()
    cluster.arrive({ id: 't1', task: 'job' })
    worker.last.note({ progress: 0.1 })
    worker.last.note({ progress: 0.2 })
    await settled()
    worker.last.note({ progress: 0.3 })
    await worker.last.settle({ type: 'completed', result: 1 })
    await settled()
    expect(cluster.stored.map(({ record }) => [record.status, record.result])).toEqual([
      ['PROGRESS', 0.2],
      ['SUCCESS', 1],
    ])
  })
})

test('a delivery that is abandoned goes back to its queue, once, and one that is settled does not', async () => {
  const { cluster, worker } = await setUp({ task_acks_late: true })
  for (const id of ['t1', 't2']) cluster.arrive({ id, task: 'job' })
  const [first, second] = worker.deliveries
  void first?.accept()
  for (let n = 0; n < 2; n++) first?.abandon?.()
  await second?.settle({ type: 'completed', result: 1 })
  second?.abandon?.()
  expect(cluster.log).toEqual(['requeue t1', 'store SUCCESS t2', 'ack t2'])
  expect(cluster.member.held.get('t1')).toBeUndefined()
})

describe('a connection that breaks', () => {
  test('takes back what has not begun, and lets go on what runs', async () => {
    const { cluster, worker } = await setUp({ task_acks_late: true })
    cluster.arrive({ id: 'runs', task: 'job' })
    void worker.last.accept()
    cluster.arrive({ id: 'waits', task: 'job' })
    cluster.lose()
    expect(worker.revoked).toEqual([['waits', 'lost']])
    cluster.arrive({ id: 'waits', task: 'job' }, true)
    expect(worker.deliveries.map(({ message }) => message.id)).toEqual(['runs', 'waits', 'waits'])
  })

  test('gives a run that goes on here its message back instead of running it twice', async () => {
    const { cluster, worker } = await setUp({ task_acks_late: true })
    cluster.arrive({ id: 'runs', task: 'job' })
    void worker.last.accept()
    cluster.lose()
    cluster.arrive({ id: 'runs', task: 'job' }, true)
    expect(worker.deliveries).toHaveLength(1)
    await worker.last.settle({ type: 'completed', result: 1 })
    expect(cluster.log).toEqual(['store SUCCESS runs', 'ack runs'])
  })
})

describe("Celery's own tasks", () => {
  test('are answered beside the worker', async () => {
    const { cluster, worker } = await setUp()
    cluster.arrive({ id: 't1', task: 'celery.accumulate', args: [1, 2], kwargs: { index: 1 } })
    cluster.arrive({ id: 't2', task: 'celery.backend_cleanup' })
    await settled()
    expect(cluster.log.toSorted()).toEqual(['ack t1', 'ack t2', 'store SUCCESS t1', 'store SUCCESS t2'])
    expect(cluster.stored.find(({ record }) => record.taskId === 't1')?.record.result).toBe(2)
    expect(worker.deliveries).toEqual([])
  })

  test('call the task they name, one call after the other', async () => {
    const { cluster, worker } = await setUp()
    const task = { task: 'job', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }
    cluster.arrive({ id: 't1', task: 'celery.starmap', kwargs: { task, it: [[1, 2], [3]] } })
    for (const args of [[1, 2], [3]]) {
      await settled()
      expect(worker.deliveries.at(-1)?.message).toMatchObject({ name: 'job', args })
      await worker.last.settle({ type: 'completed', result: args.length })
    }
    await settled()
    expect(cluster.log).toEqual(['store SUCCESS t1', 'ack t1'])
    expect(cluster.stored[0]?.record.result).toEqual([2, 1])
    cluster.arrive({ id: 't2', task: 'celery.map', kwargs: { task: { ...task, task: 'ghost' }, it: [1] } })
    await settled()
    expect(cluster.stored.at(-1)?.record).toMatchObject({ status: 'FAILURE', result: { exc_type: 'NotRegistered' } })
  })

  test('run once, however often their end cannot be stored', async () => {
    const { cluster, worker } = await setUp()
    const task = { task: 'job', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }
    cluster.failure = new StoreError('STORE_UNAVAILABLE', 'away')
    // What has run is not too late any more.
    cluster.arrive({ id: 't1', task: 'celery.map', kwargs: { task, it: [1] }, expiresMs: cluster.now + 50 })
    await settled()
    await worker.last.settle({ type: 'completed', result: 7 })
    await settled()
    expect(worker.errors).toEqual([expect.stringContaining('away')])
    cluster.advance(100)
    await settled()
    expect(worker.deliveries).toHaveLength(1)
    expect(cluster.log).toEqual(['store SUCCESS t1', 'ack t1'])
    expect(cluster.stored[0]?.record.result).toEqual([7])
  })

  test('wait for their time without keeping others from coming, and go back when the consumer closes', async () => {
    const { cluster, worker } = await setUp()
    worker.consumer?.setPrefetch(4)
    cluster.arrive({ id: 't1', task: 'celery.accumulate', etaMs: cluster.now + 1000 })
    cluster.arrive({ id: 't2', task: 'celery.accumulate', etaMs: cluster.now + 9000 })
    expect(cluster.prefetch).toBe(6)
    cluster.advance(1000)
    await settled()
    expect(cluster.log).toEqual(['store SUCCESS t1', 'ack t1'])
    expect(cluster.prefetch).toBe(5)
    await worker.consumer?.close()
    cluster.advance(9000)
    await settled()
    expect(cluster.log).toEqual(['store SUCCESS t1', 'ack t1', 'close'])
  })

  test('are not run by their old message when their connection broke while they waited', async () => {
    const { cluster, worker } = await setUp()
    worker.consumer?.setPrefetch(4)
    const task = { id: 't1', task: 'celery.accumulate', etaMs: cluster.now + 1000 }
    cluster.arrive(task)
    cluster.lose()
    expect(cluster.prefetch).toBe(4)
    cluster.arrive(task, true)
    cluster.advance(1000)
    await settled()
    expect(cluster.log).toEqual(['store SUCCESS t1', 'ack t1'])
  })
})

describe('a retry that comes back before it is confirmed', () => {
  async function early() {
    const { cluster, worker } = await setUp()
    const confirmed = Promise.withResolvers<void>()
    Object.assign(cluster.member.transport, { publish: () => confirmed.promise })
    cluster.arrive({ id: 't1', task: 'job' })
    const [first] = worker.deliveries
    void first?.accept()
    const end = first?.settle({ type: 'retried', delayMs: 0, limit: 3 })
    cluster.arrive({ id: 't1', task: 'job', retries: 1 })
    expect(worker.deliveries).toHaveLength(1)
    return { cluster, worker, end, confirmed }
  }

  test('waits until the end of the last run is stored and told', async () => {
    const { cluster, worker, end, confirmed } = await early()
    cluster.arrive({ id: 't2', task: 'job' })
    expect(worker.last.message.id).toBe('t2')
    confirmed.resolve()
    expect(await end).toBe(true)
    expect(worker.deliveries).toHaveLength(2)
    expect(cluster.log.at(-1)).toBe('store RETRY t1')
    await settled()
    expect(worker.last.message).toMatchObject({ id: 't1', retries: 1 })
  })

  test('goes with a connection that breaks: it is delivered again', async () => {
    const { cluster, worker, end, confirmed } = await early()
    cluster.lose()
    confirmed.resolve()
    await end
    await settled()
    expect(worker.deliveries).toHaveLength(1)
  })
})
