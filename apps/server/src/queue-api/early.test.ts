/** Version 0.2 of the contract, as its workers and schedulers spoke it. */
import { request } from 'node:http'
import { type MemoryBackend, memoryBackend } from '@lovage/store-memory'
import { type ManualClock, manualClock } from '@lovage/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definition, type Hall, hall } from './fixtures/hall.ts'

let clock: ManualClock
let backend: MemoryBackend
let h: Hall
beforeEach(async () => {
  clock = manualClock()
  backend = memoryBackend()
  h = await hall({ ...backend, clock })
})
afterEach(() => h.close())

const worker = { worker_group: 'group', worker_id: 'w1' }

async function call(method: string, path: string, body?: unknown) {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
  const response = await fetch(`${h.server.url}/0.2.0${path}`, init)
  const text = await response.text()
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as any }
}

const made = (fields: Readonly<Record<string, unknown>> = {}) => ({
  ...{ version: '0.2.0', provisioner_id: 'prov', worker_type: 'type', routing: 'a.b', retries: 1, priority: 4.2 },
  ...{ created: new Date(clock.now()).toJSON(), deadline: new Date(clock.now() + 3_600_000).toJSON() },
  ...{ payload: { command: 'true' }, metadata: { name: 'test', owner: 'me', maintainer: 'me' }, tags: {} },
  ...fields,
})

async function newTask(): Promise<string> {
  return (await call('POST', '/task/new', made())).body.status.task_id
}

/** The platform's fetch sends no body with GET; workers of that time did. */
function getWithBody(path: string, body: unknown): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body)
    const sent = request(
      `${h.server.url}/0.2.0${path}`,
      { method: 'GET', headers: { 'content-length': text.length } },
      (response) => {
        response.resume()
        resolve(response.statusCode)
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })
}

test('a task is created under an id of the server, claimed, kept and completed', async () => {
  const { status, body } = await call('POST', '/task/new', made())
  expect([status, body.status]).toMatchObject([
    200,
    {
      state: 'pending',
      reason: 'none',
      runs: [],
      retries: 1,
      priority: 4.2,
      routing: 'a.b',
      provisioner_id: 'prov',
      worker_type: 'type',
    },
  ])
  const id = body.status.task_id
  expect((await call('GET', '/pending-tasks/prov')).body.tasks).toMatchObject([{ task_id: id }])
  const claimed = await call('POST', `/task/${id}/claim`, { ...worker, run_id: null })
  expect(claimed.body).toMatchObject({
    run_id: 1,
    status: { state: 'running', runs: [{ run_id: 1, ...worker }], taken_until: expect.any(String) },
  })
  expect(await call('POST', `/task/${id}/claim`, { ...worker, worker_id: 'w2' })).toMatchObject({
    status: 410,
    body: { code: 'ResourceExpired' },
  })
  await clock.advance('10 minutes')
  const kept = await call('POST', `/task/${id}/claim`, { ...worker, run_id: 1 })
  expect(Date.parse(kept.body.status.taken_until) - Date.parse(claimed.body.status.taken_until)).toBe(600_000)
  const done = await call('POST', `/task/${id}/completed`, { ...worker, run_id: 1 })
  expect(done).toMatchObject({ status: 200, body: { status: { state: 'completed', reason: 'none' } } })
  expect((await call('POST', `/task/${id}/completed`, { ...worker, run_id: 1 })).status).toBe(200)
  expect((await call('POST', `/task/${id}/failed`, { ...worker, run_id: 1 })).status).toBe(410)
  expect((await call('POST', `/task/${id}/claim`, worker)).status).toBe(404)
})

test('a worker asks for work, and hears how long to sleep when there is none', async () => {
  const waiting = call('GET', '/claim-work/prov/type?worker_group=group&worker_id=w1')
  await expect.poll(() => backend.signal.heard('ready.prov/type')).toBe(true)
  await clock.advance('20s')
  const { status, headers } = await waiting
  expect([status, headers.get('retry-after')]).toEqual([204, '1'])
  const id = await newTask()
  expect(await getWithBody('/claim-work/prov/type', worker)).toBe(200)
  expect((await call('GET', `/task/${id}/status`)).body.status).toMatchObject({ state: 'running' })
  expect((await call('GET', '/claim-work/prov/type')).status).toBe(400)
  expect(await getWithBody('/claim-work/prov/type', { ...worker, more: 'x'.repeat(10_000) })).toBe(413)
  const foreign = { headers: { 'sec-fetch-site': 'cross-site' } }
  const { status: refused } = await fetch(`${h.server.url}/0.2.0/claim-work/prov/type?worker_group=g&worker_id=w`, foreign)
  expect(refused).toBe(403)
})

test('cancelled, late and lost tasks have failed, each for its reason', async () => {
  const [cancelled, late, lost] = [await newTask(), await newTask(), await newTask()]
  expect((await call('POST', `/task/${cancelled}/cancel`)).body.status).toMatchObject({ state: 'failed', reason: 'canceled' })
  for (const retries of [1, 0]) {
    expect((await call('POST', `/task/${lost}/claim`, worker)).body.status.retries).toBe(retries)
    await clock.advance('21 minutes')
  }
  expect((await call('GET', `/task/${lost}/status`)).body.status).toMatchObject({ state: 'failed', reason: 'retries-failed' })
  await clock.advance('1h')
  expect((await call('GET', `/task/${late}/status`)).body.status).toMatchObject({ state: 'failed', reason: 'timeout' })
})

test('a task of today is seen in the words of then, and the other way round', async () => {
  await h.queue.createTask('today', definition({}, clock.now()))
  expect((await call('GET', '/task/today/status')).body.status).toMatchObject({ task_id: 'today', state: 'pending', priority: 1 })
  const id = await newTask()
  expect((await h.queue.status(id)).status).toMatchObject({
    taskId: id,
    taskQueueId: 'prov/type',
    priority: 'medium',
    retriesLeft: 1,
  })
})
