/** The front door of a Celery cluster on Redis: the same program, another URL. */
import { chain, chord, signature } from '@lovage/broker-celery'
import { type PrivateRedis, startRedis } from '@lovage/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, connectCelery, defineTask, Worker } from './index.ts'

let server: PrivateRedis
beforeAll(async () => {
  server = await startRedis()
}, 120_000)
afterAll(() => server.stop())

const add = defineTask({ name: 'add', params: ['x', 'y'], run: ({ x, y }: { x: number; y: number }) => x + y })
const sum = defineTask({
  name: 'sum',
  run: (_: unknown, { args: [numbers] }) => (numbers as number[]).reduce((a, b) => a + b, 0),
})
const double = defineTask({ name: 'double', run: (value: number) => 2 * value })
const parent = defineTask({
  name: 'parent',
  run: async (_: unknown, { send }) => ({ child: await send(add, { x: 1, y: 1 }) }),
})

test('a task is sent, run and waited for; inputs of every kind arrive as they were', { timeout: 60_000 }, async () => {
  const options = { results: `${server.url}/1`, celery: { task_acks_late: true } }
  const broker = await connect(`${server.url}/0`, options)
  const worker = new Worker({ broker, tasks: [add, sum, double, parent], name: 'front@test' })
  await worker.start()
  expect(await (await broker.send(add, { x: 1, y: 2 })).result({ timeout: '20s' })).toBe(3)
  expect(await (await broker.send(double, 21)).result({ timeout: '20s' })).toBe(42)
  const { child } = await (await broker.send(parent, undefined)).result({ timeout: '20s' })
  expect(await broker.task(child).result({ timeout: '20s' })).toBe(2)
  expect(await broker.ping({ timeoutMs: 20_000, limit: 1 })).toEqual([{ worker: 'front@test', ok: true, value: { ok: 'pong' } }])
  await expect(broker.find({})).rejects.toMatchObject({ code: 'UNSUPPORTED' })

  const cluster = await connectCelery(`${server.url}/0`, options)
  const one = signature('add', { args: [1, 1] })
  const sent = await cluster.canvas.apply(chain(chord([one, one], signature('sum')), signature('add', { args: [10] })))
  expect(await sent.result({ timeoutMs: 20_000 })).toBe(14)
  await worker.stop()
  await Promise.all([cluster.close(), broker.close()])
})

test("a worker takes what Celery's settings say of it, unless it says something itself", { timeout: 60_000 }, async () => {
  const celery = { worker_concurrency: 8, worker_prefetch_multiplier: 1, task_time_limit: 2.5 }
  const broker = await connect(`${server.url}/0`, { celery })
  const limitOf = (worker: Worker) => worker.registry.get('add')?.hardMs
  const [said, silent] = [new Worker({ broker, tasks: [add], concurrency: 3 }), new Worker({ broker, tasks: [add] })]
  expect([silent.concurrency, silent.prefetch, limitOf(silent)]).toEqual([8, 8, 2500])
  expect([said.concurrency, said.prefetch]).toEqual([3, 3])
  expect(new Worker({ broker, tasks: [add], prefetch: 20 }).prefetch).toBe(20)
  await broker.close()
})
