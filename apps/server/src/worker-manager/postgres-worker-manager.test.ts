/** The worker manager on PostgreSQL: several servers on one database are one to their callers. */
import { startPostgres } from '@lovage/services'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { fromNowJSON, slugid } from '../fixtures/stock-client.ts'
import { definition, launched, poolId, root, Shed } from './fixtures/shed.ts'

const postgres = await startPostgres()
afterAll(() => postgres.stop())

let here: Shed
let there: Shed
beforeEach(async () => {
  const url = await postgres.database()
  here = await Shed.open(url)
  there = await Shed.open(url)
})
afterEach(() => Promise.all([here.close(), there.close()]))

const who = { workerGroup: 'here', workerId: 'w1' }
const task = () => ({
  taskQueueId: poolId,
  created: fromNowJSON(''),
  deadline: fromNowJSON('1 hour'),
  payload: {},
  metadata: { name: 'n', description: 'd', owner: 'me@example.com', source: 'https://example.com/' },
})

test('a worker that registers at one server works with the other, and goes when either removes it', async () => {
  await here.manager.createWorkerPool(poolId, definition)
  await there.createWorker()
  const taskId = slugid()
  await here.queueAs(root).createTask(taskId, task())
  const { credentials } = await here.register()
  const { tasks } = await there.queueAs(credentials).claimWork(poolId, who)
  expect(tasks).toMatchObject([{ runId: 0 }])
  expect(await here.queueAs(tasks[0].credentials).reclaimTask(taskId, 0)).toMatchObject({ runId: 0 })
  await there.manager.removeWorker(poolId, 'here', 'w1')
  const runs = [{ state: 'exception', reasonResolved: 'worker-shutdown' }, { state: 'pending' }]
  expect(await here.queueAs(root).status(taskId)).toMatchObject({ status: { state: 'pending', runs } })
  expect(await here.manager.worker(poolId, 'here', 'w1')).toMatchObject({ state: 'stopped' })
})

test('servers that sign for the first time at once sign with one key', async () => {
  await here.manager.createWorkerPool(poolId, definition)
  await Promise.all(['w1', 'w2'].map((workerId) => here.createWorker(workerId)))
  const [one, two] = await Promise.all([here.register(), there.register({ workerId: 'w2' })])
  expect(await there.as(one.credentials).removeWorker(poolId, 'here', 'w1')).toEqual({})
  expect(await here.as(two.credentials).removeWorker(poolId, 'here', 'w2')).toEqual({})
})

test('of two that make the same pool differently one is refused', async () => {
  const made = await Promise.allSettled([
    here.manager.createWorkerPool(poolId, definition),
    there.manager.createWorkerPool(poolId, launched),
  ])
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(made.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { statusCode: 409 } })
})

test('one secret is good for one registration, wherever it is used', async () => {
  await here.manager.createWorkerPool(poolId, definition)
  await here.createWorker()
  const { credentials, secret } = await here.register()
  const again = (shed: Shed) => shed.as(credentials).reregisterWorker({ workerPoolId: poolId, ...who, secret })
  const ends = await Promise.allSettled([again(here), again(there), again(here), again(there)])
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})
