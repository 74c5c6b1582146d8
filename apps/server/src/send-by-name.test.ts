/** A task sent over HTTP has no definition at hand: what live workers publish stands in for it. */
import { defineTask } from '@lovage/core'
import { testBroker } from '@lovage/testing'
import { Worker } from '@lovage/worker'
import { afterEach, expect, test } from 'vitest'
import { createServer } from './index.ts'
import { publishedTasks } from './published-tasks.ts'

const broker = await testBroker()
const { app } = createServer({ client: broker })
afterEach(() => broker.close())

async function call(method: string, path: string, body?: unknown) {
  const headers = { host: 'localhost', 'content-type': 'application/json' }
  const response = await app.request(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return { status: response.status, body: JSON.parse(await response.text()) }
}

test('tasks sent over HTTP take the queue, priority and limit of lost workers that a live worker publishes, unless the request says otherwise', async () => {
  const image = defineTask({ name: 'img', queue: 'images', priority: 'high', lostLimit: 0, key: () => 'k', run: () => 1 })
  const worker = new Worker({ broker, tasks: [image], name: 'one@here' })
  await worker.start()
  const sent = await call('POST', '/api/tasks', { name: 'img', id: 'a', input: {} })
  expect(sent).toMatchObject({
    status: 201,
    body: { id: 'a', status: 'sent', note: expect.stringMatching(/without a key.*definition of img.*give `key`/) },
  })
  expect((await call('GET', '/api/tasks/a')).body).toMatchObject({ queue: 'images', priority: 'high', lostLimit: 0 })
  const own = await call('POST', '/api/tasks', { name: 'img', id: 'b', queue: 'q', priority: 'low', key: 'mine' })
  expect(own.body).toEqual({ id: 'b', status: 'sent' })
  expect((await call('GET', '/api/tasks/b')).body).toMatchObject({ queue: 'q', priority: 'low', key: 'mine' })
  const [info] = ((await call('GET', '/api/workers')).body as { workers: { tasks: unknown }[] }).workers
  expect(info?.tasks).toMatchObject([{ name: 'img', queue: 'images', priority: 'high', lostLimit: 0, keyed: true }])
  const schedule = await call('POST', '/api/schedules', { name: 's', every: '1h', task: 'img' })
  expect(schedule).toMatchObject({ status: 201, body: { queue: 'images', priority: 'high', lostLimit: 0 } })
  const { id } = (await call('POST', '/api/schedules/s/run')).body
  expect((await call('GET', `/api/tasks/${id}`)).body).toMatchObject({ lostLimit: 0 })
  const ownLimit = await call('POST', '/api/schedules', { name: 'own', every: '1h', task: 'img', lostLimit: 2, args: [1] })
  expect(ownLimit.body).toMatchObject({ lostLimit: 2, args: [1] })
  const [, listed] = (await call('GET', '/api/schedules')).body.schedules
  expect(listed).toMatchObject({ name: 's', everyMs: 3_600_000, nextAt: expect.any(Number) })
  expect(await call('POST', '/api/schedules', { ...listed, missed: 'all' })).toMatchObject({
    status: 201,
    body: { ...listed, missed: 'all' },
  })
  await worker.stop()
  const again = await call('POST', '/api/tasks', { name: 'img', id: 'a', input: {} })
  expect(again).toMatchObject({ status: 200, body: { id: 'a', status: 'existing' } })
  await call('POST', '/api/tasks', { name: 'nobody-knows-it', id: 'c' })
  expect((await call('GET', '/api/tasks/c')).body).toMatchObject({ queue: 'default', priority: 'medium', lostLimit: 5 })
})

test('many requests in a row ask once who lives', async () => {
  const { admin } = broker
  if (admin === undefined) throw new TypeError('expected an admin')
  let asked = 0
  const workers = async () => {
    asked++
    return [{ name: 'w@h', holder: 'h', host: 'h', pid: 1, startedAt: 0, queues: [], tasks: [{ name: 'known', queue: 'q' }] }]
  }
  const published = publishedTasks({ ...broker, admin: { ...admin, workers } })
  const found = [await published('known'), await published('known'), await published('other'), await published('other')]
  expect(found.map((task) => task?.queue)).toEqual(['q', 'q', undefined, undefined])
  expect(asked).toBe(3)
})
