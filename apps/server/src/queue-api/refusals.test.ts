/** What the HTTP queue refuses, in the contract's codes, and what it takes although it looks odd. */
import { memoryBackend } from '@lovage/store-memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { definition, type Hall, hall, slugid } from './fixtures/hall.ts'

let h: Hall
beforeAll(async () => {
  h = await hall(memoryBackend())
  await h.queue.createTask('known', definition({ taskQueueId: 'other/queue' }))
})
afterAll(() => h.close())

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${h.server.url}/api/queue/v1${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: text }),
  })
  return { status: response.status, body: await response.json() }
}

const minutes = (n: number): string => new Date(Date.now() + n * 60_000).toJSON()

describe('a definition', () => {
  test.each([
    ['made too long ago', { created: minutes(-16) }],
    ['made too far ahead', { created: minutes(16), deadline: minutes(20) }],
    ['over before it was made', { created: minutes(5), deadline: minutes(4) }],
    ['over already', { created: minutes(-5), deadline: minutes(-1) }],
    ['for too long a time', { deadline: minutes(5 * 24 * 60 + 17) }],
    ['forgotten before its deadline', { deadline: minutes(60), expires: minutes(59) }],
    ['with a scope for everything and more', { scopes: ['a**'] }],
    ['with a dependency that is not there', { dependencies: ['nobody'] }],
    ['with a dependency twice', { dependencies: ['known', 'known'] }],
    ['with two queues', { taskQueueId: 'a/b', provisionerId: 'a', workerType: 'c' }],
    ['with half a queue', { taskQueueId: undefined, provisionerId: 'a' }],
    ['without a queue', { taskQueueId: undefined }],
  ])('%s is an InputError', async (_, fields) => {
    const refused = h.queue.createTask('refused', definition(fields))
    await expect(refused).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
    await expect(h.queue.status('refused')).rejects.toMatchObject({ statusCode: 404, code: 'ResourceNotFound' })
  })

  test.each([
    ['another key', { colour: 'green' }],
    ['no payload', { payload: undefined }],
    ['no metadata', { metadata: undefined }],
    ['a date that is none', { created: 'today' }],
    ['a queue of odd letters', { taskQueueId: 'a b/c' }],
    ['too many retries', { retries: 50 }],
    ['an unknown priority', { priority: 'urgent' }],
    ['a tag that is no text', { tags: { a: 1 } }],
    ['a route that is too long', { routes: ['x'.repeat(250)] }],
    ['a source that is no address', { metadata: { name: 'a', description: '', owner: 'me', source: 'here' } }],
  ])('%s is an InputValidationError', async (_, fields) => {
    const refused = h.queue.createTask('refused', definition(fields))
    await expect(refused).rejects.toMatchObject({ statusCode: 400, code: 'InputValidationError' })
  })

  test('a dependency that is forgotten before the deadline is refused', async () => {
    await h.queue.createTask('brief', definition({ deadline: minutes(5), expires: minutes(6) }))
    const refused = h.queue.createTask('refused', definition({ dependencies: ['brief'] }))
    await expect(refused).rejects.toMatchObject({
      statusCode: 400,
      code: 'InputError',
      message: expect.stringContaining('brief'),
    })
  })

  test('one that is too large is refused, and says so', async () => {
    const refused = h.queue.createTask('refused', definition({ payload: { text: 'x'.repeat(2_000_000) } }))
    await expect(refused).rejects.toMatchObject({
      statusCode: 413,
      code: 'InputTooLarge',
      message: expect.stringContaining('1048576 bytes'),
    })
  })
})

describe('a request', () => {
  test('with a body that is not JSON is a MalformedPayload', async () => {
    expect(await call('PUT', '/task/refused', '{"a":')).toMatchObject({ status: 400, body: { code: 'MalformedPayload' } })
  })

  test.each([
    ['POST', '/claim-work/other%2Fqueue', {}, 400, 'InputValidationError'],
    ['POST', '/claim-work/other%2Fqueue', { workerGroup: 'g', workerId: 'w', tasks: 33 }, 400, 'InputValidationError'],
    ['POST', '/task/known/runs/x/reclaim', undefined, 400, 'InvalidRequestArguments'],
    ['GET', '/task-group/known/list?limit=0', undefined, 400, 'InvalidRequestArguments'],
    ['GET', '/task/nobody', undefined, 404, 'ResourceNotFound'],
    ['POST', '/task/known/runs/0/completed', undefined, 409, 'RequestConflict'],
    ['POST', '/task/known/runs/0/reclaim', undefined, 409, 'RequestConflict'],
    ['POST', '/task/known/runs/7/completed', undefined, 404, 'ResourceNotFound'],
    ['POST', '/task/known/runs/0/exception', { reason: 'bad mood' }, 400, 'InputValidationError'],
    ['GET', '/nothing/here', undefined, 404, 'ResourceNotFound'],
    ['PUT', '/task/odd%20name', definition(), 400, 'InvalidRequestArguments'],
  ])('%s %s %j is refused', async (method, path, body, status, code) => {
    expect(await call(method, path, body)).toMatchObject({ status, body: { code, requestInfo: { time: expect.any(String) } } })
  })

  test('may write the slash of a queue as it is, or as three letters', async () => {
    for (const name of ['other/queue', 'other%2Fqueue', 'other%2fqueue']) {
      const counts = await call('GET', `/task-queues/${name}/counts`)
      expect(counts).toMatchObject({ status: 200, body: { taskQueueId: 'other/queue', pendingTasks: 1, claimedTasks: 0 } })
    }
    const claim = { workerGroup: 'g', workerId: 'w' }
    expect(await call('POST', '/claim-work/other/queue', claim)).toMatchObject({ status: 200, body: { tasks: [{ runId: 0 }] } })
  })

  test('needs neither a body nor a content type where nothing is said', async () => {
    const response = await fetch(`${h.server.url}/api/queue/v1/task/known/cancel`, { method: 'POST' })
    expect(await response.json()).toMatchObject({ status: { state: 'exception' } })
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await call('POST', '/task/known/cancel', '', form)).toMatchObject({ status: 200 })
  })

  test.each([
    ['nothing', undefined],
    ['an empty object', {}],
    ['null', null],
  ])('that reports with %s for a body is a report', async (_, body) => {
    for (const [word, state] of [
      ['completed', 'completed'],
      ['failed', 'failed'],
    ]) {
      const taskId = slugid()
      await h.queue.createTask(taskId, definition({ taskQueueId: 'reports/bare' }))
      await h.queue.claimWork('reports/bare', { workerGroup: 'g', workerId: 'w' })
      expect(await call('POST', `/task/${taskId}/runs/0/${word}`, body)).toMatchObject({
        status: 200,
        body: { status: { state } },
      })
    }
    expect(await call('POST', '/workers/reports/bare/g/w/crashed', body)).toEqual({ status: 200, body: { resolved: [] } })
  })

  test('for a page larger than there is gets the largest', async () => {
    expect(await call('GET', '/task-queues?limit=5000')).toMatchObject({ status: 200 })
  })

  test.each([
    ['GET', '/task-queues?continuationToken=x'],
    ['GET', '/task-queues/other/queue/pending?continuationToken=x'],
    ['POST', '/tasks/status?continuationToken=x'],
    ['POST', '/tasks/status?continuationToken=-1'],
  ])('%s %s with a token of its own making is refused', async (method, path) => {
    const answer = await call(method, path, method === 'POST' ? { taskIds: ['known', 'b'] } : undefined)
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining('from the') } })
  })
})

test('the service says that it is there', async () => {
  expect(await h.queue.ping()).toMatchObject({ alive: true })
  expect(await h.queue.version()).toMatchObject({ version: expect.any(String) })
  expect(await h.queue.heartbeat()).toEqual({})
  expect(await h.queue.lbheartbeat()).toEqual({})
})

test('every address is in the document, under the name of its method', async () => {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the document says
  const document = (await (await fetch(`${h.server.url}/openapi.json`)).json()) as any
  const claim = document.paths['/api/queue/v1/claim-work/{taskQueueId}'].post
  expect(claim).toMatchObject({
    operationId: 'queue.claimWork',
    parameters: [{ name: 'taskQueueId', in: 'path', required: true }],
  })
  expect(claim.requestBody).toMatchObject({ required: true })
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path as object).map(({ operationId }) => operationId))
  for (const name of [
    'createTask',
    'claimTask',
    'reportException',
    'sealTaskGroup',
    'quarantineWorker',
    'getLatestArtifact',
    'workerCrashed',
  ]) {
    expect(ids).toContain(`queue.${name}`)
  }
  expect(document.paths['/0.2.0/task/new'].post).toMatchObject({ operationId: 'queue-0.2.newTask' })
})
