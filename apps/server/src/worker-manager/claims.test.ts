/** The whole way of a registered worker: it claims with its own credentials, works with those of its claim, and goes. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTemporaryCredentials, fromNow, fromNowJSON, type StockCredentials, slugid } from '../fixtures/stock-client.ts'
import { definition, poolId, root, Shed } from './fixtures/shed.ts'

const who = { workerGroup: 'here', workerId: 'w1' }
const creating = ['queue:create-task:project:none', 'queue:scheduler-id:-/*']
const task = (more: object = {}) => ({
  taskQueueId: poolId,
  created: fromNowJSON(''),
  deadline: fromNowJSON('1 hour'),
  payload: {},
  metadata: { name: 'n', description: 'd', owner: 'me@example.com', source: 'https://example.com/' },
  ...more,
})

describe.each(['memory', 'sqlite'] as const)('on %s', (kind) => {
  let shed: Shed
  let worker: StockCredentials

  beforeEach(async () => {
    shed = await Shed.open(kind)
    await shed.manager.createWorkerPool(poolId, definition)
    await shed.createWorker()
    worker = (await shed.register()).credentials
  })
  afterEach(() => shed.close())

  async function claimed(more: object = {}) {
    const taskId = slugid()
    await shed.queueAs(root).createTask(taskId, task(more))
    const { tasks } = await shed.queueAs(worker).claimWork(poolId, { ...who, tasks: 1 })
    expect(tasks).toHaveLength(1)
    return { taskId, credentials: tasks[0].credentials as StockCredentials, takenUntil: tasks[0].takenUntil as string }
  }

  test('a registered worker claims for itself alone', async () => {
    const queue = shed.queueAs(worker)
    const refused = { statusCode: 403, code: 'InsufficientScopes' }
    await expect(queue.claimWork(poolId, { ...who, workerId: 'w2' })).rejects.toMatchObject(refused)
    await expect(queue.claimWork('images/big', who)).rejects.toMatchObject(refused)
    await expect(queue.createTask(slugid(), task())).rejects.toMatchObject(refused)
  })

  test('a worker that works is seen, with what its pool says of it', async () => {
    const one = await claimed()
    const seen = { ...who, workerPoolId: poolId, state: 'running', capacity: 1, providerId: 'static' }
    const run = { taskId: one.taskId, runId: 0 }
    const { workers } = await shed.manager.listWorkers('images', 'small')
    expect(workers).toMatchObject([{ ...seen, latestTask: run, firstClaim: expect.any(String) }])
    const shown = await shed.manager.getWorker('images', 'small', 'here', 'w1')
    expect(shown).toMatchObject({ provisionerId: 'images', workerType: 'small', ...seen, recentTasks: [run], actions: [] })
    const listed = async (query: object) => (await shed.manager.listWorkers('images', 'small', query)).workers.length
    expect(await listed({ workerState: 'stopped' })).toBe(0)
    expect(await listed({ quarantined: 'false', workerState: 'running' })).toBe(1)
    await shed.queueAs(root).declareWorker('images', 'other', 'here', 'w1', {})
    expect((await shed.manager.listWorkers('images', 'other')).workers).toMatchObject([
      { state: 'standalone', providerId: 'none' },
    ])
    await expect(shed.manager.getWorker('images', 'small', 'here', 'none')).rejects.toMatchObject({ statusCode: 404 })
  })

  test('credentials of a claim are good for this run, and for what the task may do', async () => {
    const scopes = [...creating, 'queue:create-task:lowest:images/small']
    const one = await claimed({ scopes })
    const two = await claimed()
    const { clientId, certificate = '' } = one.credentials
    const until = Math.floor(Date.parse(one.takenUntil) / 1000)
    expect(clientId).toBe(`task-client/${one.taskId}/0/on/here/w1/until/${until}`)
    const own = ['reclaim-task', 'resolve-task', 'create-artifact'].map((verb) => `queue:${verb}:${one.taskId}/0`)
    expect(JSON.parse(certificate)).toMatchObject({ scopes: [...own, ...scopes], issuer: 'lovage-issuer' })
    const queue = shed.queueAs(one.credentials)
    expect(await queue.reclaimTask(one.taskId, 0)).toMatchObject({ runId: 0 })
    await expect(queue.reclaimTask(two.taskId, 0)).rejects.toMatchObject({ statusCode: 403 })
    await expect(queue.reportCompleted(two.taskId, 0)).rejects.toMatchObject({ statusCode: 403 })
    await expect(shed.queueAs(worker).reportCompleted(one.taskId, 0)).rejects.toMatchObject({ statusCode: 403 })
    await expect(shed.queueAs(two.credentials).createTask(slugid(), task())).rejects.toMatchObject({ statusCode: 403 })
    expect(await queue.createTask(slugid(), task())).toMatchObject({ status: { state: 'pending' } })
    expect(await queue.reportCompleted(one.taskId, 0)).toMatchObject({ status: { state: 'completed' } })
  })

  test('a scope for one priority is good for lower ones', async () => {
    const scopes = [...creating, 'queue:create-task:low:images/small']
    const queue = shed.queueAs(createTemporaryCredentials({ scopes, expiry: fromNow('1 hour'), credentials: root }))
    for (const priority of ['low', 'very-low', 'lowest']) await queue.createTask(slugid(), task({ priority }))
    for (const priority of ['medium', 'high', 'highest']) {
      await expect(queue.createTask(slugid(), task({ priority }))).rejects.toMatchObject({ code: 'InsufficientScopes' })
    }
    const beyond = queue.createTask(slugid(), task({ scopes: ['secrets:get:x'] }))
    await expect(beyond).rejects.toMatchObject({ code: 'InsufficientScopes' })
  })

  test('what a worker runs goes elsewhere at once when it is removed', async () => {
    const one = await claimed()
    const two = await claimed()
    await shed.as(worker).removeWorker(poolId, 'here', 'w1')
    for (const { taskId, credentials } of [one, two]) {
      expect(await shed.queueAs(root).status(taskId)).toMatchObject({
        status: {
          state: 'pending',
          runs: [
            { runId: 0, state: 'exception', reasonResolved: 'worker-shutdown' },
            { runId: 1, reasonCreated: 'retry' },
          ],
        },
      })
      await expect(shed.queueAs(credentials).reclaimTask(taskId, 0)).rejects.toMatchObject({ statusCode: 409 })
    }
    const back = shed.queueAs(worker).claimTask(one.taskId, 1, who)
    await expect(back).rejects.toMatchObject({ statusCode: 409 })
    await shed.createWorker('w2')
    const { credentials } = await shed.register({ workerId: 'w2' })
    const { tasks } = await shed.queueAs(credentials).claimWork(poolId, { ...who, workerId: 'w2', tasks: 2 })
    expect(tasks.map(({ runId }: { runId: number }) => runId)).toEqual([1, 1])
  })

  test('others go on with what they run', async () => {
    await shed.createWorker('w2')
    const one = await claimed()
    await shed.manager.removeWorker(poolId, 'here', 'w2')
    expect(await shed.queueAs(one.credentials).reclaimTask(one.taskId, 0)).toMatchObject({ runId: 0 })
  })
})
