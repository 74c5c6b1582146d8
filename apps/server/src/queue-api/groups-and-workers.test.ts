/** Task groups, task queues, workers and artifacts, by the stock client. */
import { memoryBackend } from '@lovage/store-memory'
import { type ManualClock, manualClock } from '@lovage/testing'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { definition, type Hall, hall } from './fixtures/hall.ts'

const queueId = 'test-prov/test-type'
const path = ['test-prov', 'test-type', 'group', 'w1'] as const
const w1 = { workerGroup: 'group', workerId: 'w1' }
const idsOf = (tasks: readonly { readonly status: { readonly taskId: string } }[]) => tasks.map(({ status }) => status.taskId)

let clock: ManualClock
let h: Hall
beforeEach(async () => {
  clock = manualClock()
  h = await hall({ ...memoryBackend(), clock })
})
afterEach(() => h.close())

const made = (fields: Readonly<Record<string, unknown>> = {}) => definition(fields, clock.now())
const later = (ms: number): string => new Date(clock.now() + ms).toJSON()
/** The stock client knows no such method of this name. */
async function post(address: string, body: unknown) {
  const response = await fetch(`${h.server.url}/api/queue/v1${address}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: await response.json() }
}

describe('a task group', () => {
  test('is listed page by page, sealed, and cancelled as one', async () => {
    const { queue } = h
    await queue.createTask('group', made())
    for (const id of ['a', 'b', 'c']) await queue.createTask(id, made({ taskGroupId: 'group' }))
    await queue.claimTask('a', 0, w1)
    await queue.reportCompleted('a', 0)
    const first = await queue.listTaskGroup('group', { limit: 3 })
    const second = await queue.listTaskGroup('group', { limit: 3, continuationToken: first.continuationToken })
    expect([idsOf(first.tasks), idsOf(second.tasks), second.continuationToken]).toEqual([['group', 'a', 'b'], ['c'], undefined])
    await expect(queue.cancelTaskGroup('group')).rejects.toMatchObject({ statusCode: 409, code: 'RequestConflict' })
    const hurried = await post('/task-group/group/priority', { newPriority: 'high' })
    expect(hurried.body).toEqual({ taskGroupId: 'group', taskGroupSize: 4, tasksAffected: 3, taskIds: ['group', 'b', 'c'] })
    expect((await queue.status('b')).status.priority).toBe('high')
    const sealed = await queue.sealTaskGroup('group')
    expect(sealed).toMatchObject({ taskGroupId: 'group', schedulerId: '-', sealed: later(0) })
    await clock.advance('1s')
    expect(await queue.sealTaskGroup('group'), 'sealed again').toEqual(sealed)
    await expect(queue.createTask('late', made({ taskGroupId: 'group' }))).rejects.toMatchObject({ statusCode: 409 })
    expect(await queue.cancelTaskGroup('group')).toEqual({
      taskGroupId: 'group',
      taskGroupSize: 4,
      cancelledCount: 3,
      taskIds: ['group', 'b', 'c'],
    })
    expect((await queue.status('c')).status.state).toBe('exception')
  })

  test('goes on with the page after one whose last task is gone', async () => {
    const { queue, client } = h
    for (const id of ['a', 'b', 'c']) await queue.createTask(id, made({ taskGroupId: 'group' }))
    const { continuationToken } = await queue.listTaskGroup('group', { limit: 3 })
    await client.desk?.records.write([{ kind: 'http-group:group', key: 'b', value: null }])
    expect(idsOf((await queue.listTaskGroup('group', { continuationToken })).tasks)).toEqual(['c'])
  })

  test('that is sealed and cancelled while a task is created in it takes the task no more', async () => {
    const backend = memoryBackend()
    const { insert } = backend.store
    let whileSent: (() => Promise<unknown>) | undefined
    const store = Object.assign(Object.create(backend.store), {
      async insert(...given: Parameters<typeof insert>) {
        await whileSent?.()
        return insert.apply(backend.store, given)
      },
    })
    const other = await hall({ ...backend, store, clock })
    onTestFinished(() => other.close())
    const { queue } = other
    await queue.createTask('a', made({ taskGroupId: 'group' }))
    whileSent = async () => {
      await queue.sealTaskGroup('group')
      await queue.cancelTaskGroup('group')
    }
    const late = queue.createTask('late', made({ taskGroupId: 'group' }))
    await expect(late).rejects.toMatchObject({ statusCode: 409, code: 'RequestConflict' })
    expect((await queue.status('late')).status).toMatchObject({ state: 'exception', runs: [{ reasonResolved: 'canceled' }] })
    expect(idsOf((await queue.listTaskGroup('group')).tasks)).toEqual(['a'])
  })

  test('has one scheduler', async () => {
    const { queue } = h
    await queue.createTask('group', made({ schedulerId: 'mine' }))
    const refused = queue.createTask('a', made({ taskGroupId: 'group', schedulerId: 'yours' }))
    await expect(refused).rejects.toMatchObject({ statusCode: 409, code: 'RequestConflict' })
    await queue.createTask('a', made({ taskGroupId: 'group', schedulerId: 'mine' }))
    expect(await queue.getTaskGroup('group')).toMatchObject({ schedulerId: 'mine' })
    await expect(queue.getTaskGroup('nobody')).rejects.toMatchObject({ statusCode: 404 })
  })

  test('does not keep a task that was refused', async () => {
    const { queue } = h
    await queue.createTask('a', made({ taskGroupId: 'group' }))
    await expect(queue.createTask('b', made({ taskGroupId: 'group', dependencies: ['nobody'] }))).rejects.toMatchObject({
      statusCode: 400,
    })
    expect(idsOf((await queue.listTaskGroup('group')).tasks)).toEqual(['a'])
  })

  test('is forgotten with its tasks', async () => {
    const { queue, client } = h
    await queue.createTask('a', made({ taskGroupId: 'group', expires: later(7_200_000) }))
    await client.cancel(['a'])
    await clock.advance('31 days')
    await queue.createTask('another', made())
    await expect.poll(() => queue.getTaskGroup('group').catch(({ code }) => code)).toBe('ResourceNotFound')
    expect(await client.desk?.records.list('http-group:group')).toEqual([])
  })
})

describe('task queues', () => {
  test('are listed, with what waits and what runs', async () => {
    const { queue } = h
    await queue.createTask('a', made())
    await queue.createTask('b', made())
    await queue.createTask('c', made({ taskQueueId: 'other/queue' }))
    await queue.claimWork(queueId, w1)
    expect((await queue.listTaskQueues()).taskQueues).toMatchObject([
      { taskQueueId: 'other/queue' },
      { taskQueueId: queueId, provisionerId: 'test-prov' },
    ])
    expect(await queue.getTaskQueue(queueId)).toMatchObject({ taskQueueId: queueId, workerType: 'test-type' })
    expect(await queue.taskQueueCounts(queueId)).toMatchObject({ pendingTasks: 1, claimedTasks: 1 })
    expect(await queue.pendingTasks(queueId)).toMatchObject({ pendingTasks: 1 })
    expect((await queue.listPendingTasks(queueId)).tasks).toMatchObject([
      { taskId: 'b', runId: 0, inserted: later(0), task: { payload: {} } },
    ])
    expect((await queue.listClaimedTasks(queueId)).tasks).toMatchObject([{ taskId: 'a', runId: 0, claimed: later(0), ...w1 }])
    expect((await queue.tasks({ taskIds: ['a', 'none'] })).tasks).toMatchObject([{ taskId: 'a', task: { taskQueueId: queueId } }])
    const { statuses, continuationToken } = await queue.statuses({ taskIds: ['a', 'b'] }, { limit: 1 })
    expect([statuses[0].status.state, continuationToken]).toEqual(['running', '1'])
  })
})

describe('a worker', () => {
  test('is seen with what it took', async () => {
    const { queue } = h
    await expect(queue.getWorker(...path)).rejects.toMatchObject({ statusCode: 404 })
    await queue.createTask('a', made())
    await queue.claimWork(queueId, w1)
    expect(await queue.getWorker(...path)).toMatchObject({
      ...w1,
      provisionerId: 'test-prov',
      recentTasks: [{ taskId: 'a', runId: 0 }],
      firstClaim: later(0),
    })
    expect((await queue.listWorkers('test-prov', 'test-type')).workers).toMatchObject([
      { ...w1, latestTask: { taskId: 'a', runId: 0 } },
    ])
    await clock.advance('25h')
    expect((await queue.listWorkers('test-prov', 'test-type')).workers).toEqual([])
    await queue.declareWorker(...path, { expires: later(172_800_000) })
    await clock.advance('25h')
    expect((await queue.getWorker(...path)).workerId).toBe('w1')
  })

  test('in quarantine gets no new work, waits all the same, and keeps what it has', async () => {
    const { queue } = h
    await queue.createTask('a', made())
    await queue.claimWork(queueId, w1)
    const until = later(3_600_000)
    const shown = await queue.quarantineWorker(...path, { quarantineUntil: until, quarantineInfo: 'smells of smoke' })
    expect(shown).toMatchObject({
      quarantineUntil: until,
      quarantineDetails: [{ quarantineInfo: 'smells of smoke', clientId: 'anonymous' }],
    })
    expect((await queue.listWorkers('test-prov', 'test-type', { quarantined: 'true' })).workers).toMatchObject([
      { quarantineUntil: until },
    ])
    expect((await queue.listWorkers('test-prov', 'test-type', { quarantined: 'false' })).workers).toEqual([])
    await queue.createTask('b', made())
    const timers = clock.pending
    const waiting = queue.claimWork(queueId, w1)
    await expect.poll(() => clock.pending).toBeGreaterThan(timers)
    await clock.advance('20s')
    expect(await waiting).toEqual({ tasks: [] })
    await expect(queue.claimTask('b', 0, w1)).rejects.toMatchObject({ statusCode: 409 })
    expect((await queue.reportCompleted('a', 0)).status.state).toBe('completed')
    expect(idsOf((await queue.claimWork(queueId, { ...w1, workerId: 'w2' })).tasks)).toEqual(['b'])
    await clock.advance('1h')
    await queue.createTask('c', made())
    expect(idsOf((await queue.claimWork(queueId, w1)).tasks)).toEqual(['c'])
  })

  test('that crashed loses what it runs at once, and nothing of its next start', async () => {
    const { queue } = h
    for (const id of ['a', 'b', 'c', 'd']) await queue.createTask(id, made({ priority: id === 'a' ? 'highest' : 'lowest' }))
    await queue.claimWork(queueId, { ...w1, incarnation: 'one' })
    await queue.claimWork(queueId, w1)
    const at = later(0)
    await clock.advance('1s')
    await queue.claimWork(queueId, { ...w1, incarnation: 'two' })
    await queue.claimWork(queueId, w1)
    const address = '/workers/test-prov/test-type/group/w1/crashed'
    const crash = { incarnation: 'one', detectedBy: 'dead-letter', at }
    const told = await post(address, crash)
    expect(told).toEqual({
      status: 200,
      body: {
        resolved: [
          { taskId: 'a', runId: 0 },
          { taskId: 'b', runId: 0 },
        ],
      },
    })
    expect(await post('/workers/test-prov%2Ftest-type/group/w1/crashed', crash)).toEqual({ status: 200, body: { resolved: [] } })
    expect((await queue.status('a')).status).toMatchObject({
      state: 'pending',
      retriesLeft: 4,
      runs: [{ reasonResolved: 'worker-shutdown' }, { reasonCreated: 'retry' }],
    })
    expect([(await queue.status('c')).status.state, (await queue.status('d')).status.state]).toEqual(['running', 'running'])
    await expect(queue.reclaimTask('a', 0)).rejects.toMatchObject({ statusCode: 409 })
  })
})

describe('an artifact', () => {
  const reference = (url: string) => ({ storageType: 'reference', expires: later(3_600_000), contentType: 'text/plain', url })
  const get = (name: string) => fetch(`${h.server.url}/api/queue/v1/task/a/artifacts/${name}`, { redirect: 'manual' })

  test('leads to where its contents are, or says why they are nowhere', async () => {
    const { queue } = h
    await queue.createTask('a', made())
    await queue.claimWork(queueId, w1)
    await queue.createArtifact('a', 0, 'public/logs/live.log', reference('https://example.com/live'))
    await queue.createArtifact('a', 0, 'public/logs/live.log', reference('https://example.com/live'))
    await queue.createArtifact('a', 0, 'public/log', {
      storageType: 'link',
      expires: later(3_600_000),
      contentType: 'text/plain',
      artifact: 'public/logs/live.log',
    })
    await queue.createArtifact('a', 0, 'public/core', {
      storageType: 'error',
      expires: later(3_600_000),
      reason: 'too-large-file-on-worker',
      message: 'ten gigabytes',
    })
    expect(
      (await queue.listArtifacts('a', 0)).artifacts.map(({ name, storageType }: { name: string; storageType: string }) => [
        name,
        storageType,
      ]),
    ).toEqual([
      ['public/core', 'error'],
      ['public/log', 'link'],
      ['public/logs/live.log', 'reference'],
    ])
    const found = await get('public/log')
    expect([found.status, found.headers.get('location')]).toEqual([303, 'https://example.com/live'])
    const core = await get('public%2Fcore')
    expect([core.status, ((await core.json()) as { message: string }).message]).toEqual([
      424,
      'too-large-file-on-worker: ten gigabytes',
    ])
    expect(await queue.latestArtifact('a', 'public/log')).toEqual({ storageType: 'reference', url: 'https://example.com/live' })
    expect(await queue.artifactInfo('a', 0, 'public/log')).toMatchObject({ name: 'public/log', contentType: 'text/plain' })
    expect((await get('public/none')).status).toBe(404)
  })

  test('is for good, except that a reference may lead elsewhere', async () => {
    const { queue } = h
    await queue.createTask('a', made())
    await expect(queue.createArtifact('a', 0, 'x', reference('https://example.com/1'))).rejects.toMatchObject({ statusCode: 409 })
    await queue.claimWork(queueId, w1)
    await queue.createArtifact('a', 0, 'x', reference('https://example.com/1'))
    await queue.createArtifact('a', 0, 'x', reference('https://example.com/2'))
    const error = { storageType: 'error', expires: later(3_600_000), reason: 'file-missing-on-worker', message: 'gone' }
    await expect(queue.createArtifact('a', 0, 'x', error)).rejects.toMatchObject({ statusCode: 409, code: 'RequestConflict' })
    await expect(queue.createArtifact('a', 0, 'y', { ...error, expires: later(400 * 86_400_000) })).rejects.toMatchObject({
      statusCode: 400,
    })
    const s3 = { storageType: 's3', expires: later(1), contentType: 'text/plain' }
    await expect(queue.createArtifact('a', 0, 'y', s3)).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
    await queue.reportCompleted('a', 0)
    await expect(queue.createArtifact('a', 0, 'y', error)).rejects.toMatchObject({ statusCode: 409 })
  })
})
