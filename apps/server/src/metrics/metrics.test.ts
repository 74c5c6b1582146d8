/** Metrics over HTTP: what Prometheus reads, what an autoscaler asks, and how many series there can be. */
import { freshStanding, type PoolWorker, type WorkerPool } from '@lovage/core'
import { type TestBroker, testBroker } from '@lovage/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createServer } from '../index.ts'
import { exposition } from './exposition.ts'
import { readMetrics } from './read-metrics.ts'

let broker: TestBroker
beforeEach(async () => {
  broker = await testBroker()
})
afterEach(() => broker.close())

async function get(path: string): Promise<Response> {
  return createServer({ client: broker }).app.request(path)
}

/** The series of an answer by name and labels, every line of it held against the grammar of the format. */
async function scrape(path = '/metrics'): Promise<ReadonlyMap<string, number>> {
  const response = await get(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  const text = await response.text()
  expect(text.endsWith('\n')).toBe(true)
  const series = new Map<string, number>()
  for (const line of text.trimEnd().split('\n')) {
    if (/^# (HELP [a-z_]+ \S.*|TYPE [a-z_]+ gauge)$/.test(line)) continue
    const [, name, value] = /^([a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (-?[0-9.e+-]+)$/.exec(line) ?? []
    if (name === undefined) throw new TypeError(`no line of the format: ${line}`)
    series.set(name, Number(value))
  }
  return series
}

test('queues: tasks by state, load, age, workers', async () => {
  await broker.send('resize', null, { queue: 'images' })
  await broker.send('resize', null, { queue: 'images' })
  await broker.send('resize', null, { queue: 'images', delay: '1h' })
  const series = await scrape()
  expect(Object.fromEntries(series)).toMatchObject({
    'lovage_queue_tasks{queue="images",state="pending"}': 2,
    'lovage_queue_tasks{queue="images",state="scheduled"}': 1,
    'lovage_queue_tasks{queue="images",state="running"}': 0,
    'lovage_queue_load{queue="images"}': 2,
    'lovage_queue_paused{queue="images"}': 0,
    'lovage_queue_workers{queue="images"}': 0,
    lovage_queues_left_out: 0,
  })
  expect(series.get('lovage_queue_oldest_pending_age_seconds{queue="images"}')).toBeGreaterThanOrEqual(0)
})

test('a queue without tasks is there when it is asked for, and a paused one has nothing for workers', async () => {
  expect((await scrape()).has('lovage_queue_load{queue="images"}')).toBe(false)
  expect((await scrape('/metrics?queue=images,mail')).get('lovage_queue_load{queue="images"}')).toBe(0)
  await broker.send('resize', null, { queue: 'images' })
  await broker.pauseQueue('images')
  const series = await scrape()
  expect(series.get('lovage_queue_load{queue="images"}')).toBe(0)
  expect(series.get('lovage_queue_tasks{queue="images",state="pending"}')).toBe(1)
})

test('the load of one queue as JSON', async () => {
  await broker.send('resize', null, { queue: 'images' })
  expect(await (await get('/api/queues/images/load')).json()).toMatchObject({ queue: 'images', pending: 1, running: 0, load: 1 })
  expect(await (await get('/api/queues/none/load')).json()).toEqual({
    ...{ queue: 'none', paused: false, pending: 0, running: 0, scheduled: 0, blocked: 0 },
    ...{ load: 0, oldestPendingSeconds: 0, workers: 0 },
  })
  expect((await get('/api/queues/two%20words/load')).status).toBe(400)
})

test('worker pools: workers by state, bounds, quarantine', async () => {
  const pools = broker.admin?.pools
  const pool: WorkerPool = {
    workerPoolId: 'images',
    providerId: 'local',
    description: '',
    owner: '',
    emailOnError: false,
    config: { minCapacity: 1, maxCapacity: 8, launchConfigs: [] },
    created: 1,
    lastModified: 1,
  }
  const address = { workerPoolId: 'images', workerGroup: 'h', workerId: 'images-1' }
  const worker: PoolWorker = {
    ...address,
    ...{ providerId: 'local', state: 'running', capacity: 2, created: 1, lastModified: 1, lastChecked: 1, expires: 2 },
  }
  await pools?.change('images', () => pool)
  await pools?.changeWorker(address, () => worker)
  await pools?.changeStanding('images', () => ({ ...freshStanding, failures: 3 }))
  expect(Object.fromEntries(await scrape())).toMatchObject({
    'lovage_pool_workers{pool="images",state="running"}': 1,
    'lovage_pool_workers{pool="images",state="stopping"}': 0,
    'lovage_pool_capacity_min{pool="images"}': 1,
    'lovage_pool_capacity_max{pool="images"}': 8,
    'lovage_pool_launch_failures{pool="images"}': 3,
    'lovage_pool_quarantined{pool="images"}': 1,
  })
})

test('of very many queues those with the most to do are told', async () => {
  const queues = Array.from({ length: 700 }, (_, n) => ({ queue: `q${n}`, paused: false, counts: { pending: n } }))
  const client = { ...broker, admin: undefined, queues: async () => queues, workers: async () => [] }
  const metrics = await readMetrics(client, ['q0'], 0)
  const load = metrics.find(({ name }) => name === 'lovage_queue_load')?.samples ?? []
  expect(load).toHaveLength(500)
  expect(load[0]).toEqual({ labels: { queue: 'q0' }, value: 0 })
  expect(load[1]).toEqual({ labels: { queue: 'q699' }, value: 699 })
  expect(exposition(metrics)).toContain('lovage_queues_left_out 200\n')
})

test('names of queues are escaped', () => {
  const samples = [{ labels: { queue: 'a"b\\c\nd' }, value: 1 }]
  expect(exposition([{ name: 'm', help: 'h', samples }])).toBe('# HELP m h\n# TYPE m gauge\nm{queue="a\\"b\\\\c\\nd"} 1\n')
})

test('the history is not counted', async () => {
  const asked: unknown[] = []
  const client = {
    ...broker,
    queues: async (states?: readonly unknown[]) => {
      asked.push(states)
      return []
    },
  }
  const app = createServer({ client }).app
  for (const path of ['/metrics', '/api/queues/images/load']) expect((await app.request(path)).status).toBe(200)
  const live = ['pending', 'running', 'scheduled', 'blocked']
  expect(asked).toEqual([live, live])
})
