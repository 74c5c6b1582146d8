/** Canvases sent from here to a cluster on Redis in which Python's workers and ours take the tasks of one queue. */
import { join } from 'node:path'
import { type PrivateRedis, startCeleryWorker, startRedis } from '@lovage/services'
import { Worker } from '@lovage/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CeleryBroker, createCeleryBroker } from '../celery-broker.ts'
import { demoTasks } from '../fixtures/demo-tasks.ts'
import { chain, chord, chunks, group, signature, starmap } from './index.ts'

const patient = { timeoutMs: 30_000 } as const
const add = (...args: readonly unknown[]) => signature<number>('demo.add', { args })
const mul = (...args: readonly unknown[]) => signature<number>('demo.mul', { args })
const tsum = signature<number>('demo.tsum')
const fail = signature('demo.fail')

let redis: PrivateRedis
let broker: CeleryBroker
let stopPython: () => Promise<void>

beforeAll(async () => {
  redis = await startRedis()
  const [url, results] = [`${redis.url}/0`, `${redis.url}/1`]
  const file = join(import.meta.dirname, '../fixtures/demo.py')
  const python = await startCeleryWorker({
    file,
    broker: url,
    backend: results,
    name: 'python@test',
    pool: 'prefork',
    concurrency: 2,
  })
  stopPython = () => python.stop()
  broker = await createCeleryBroker({ url, results })
}, 120_000)

afterAll(async () => {
  await broker?.close()
  await stopPython?.()
  await redis?.stop()
})

const canvases = [
  ['a chain', chain(add(1, 2), mul(3), add(4)), 13],
  ['a group', group(add(1, 1), mul(2, 3)), [2, 6]],
  ['a chord', chord([add(1, 1), chain(add(1, 1), mul(5))], tsum), 12],
  ['a group in a chain', chain(add(1, 1), group(mul(2), mul(3)), tsum, add(100)), 110],
  ['a chord in a chord', chord([chord([add(1, 2), add(3, 4)], tsum), add(5, 5)], chain(tsum, mul(2))), 40],
  [
    'chains that end in groups in a header',
    chord([chain(add(1, 1), group(add(1), add(2))), chain(add(5, 5))], signature('demo.echo')),
    [[[[3, 4], 10]], {}],
  ],
  ['groups in a row', chain(group(add(1, 1), add(2, 2)), tsum, group(add(1), add(2)), tsum), 15],
  [
    'chunks',
    chunks(
      'demo.mul',
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      2,
    ),
    [[2, 12], [30]],
  ],
  [
    'a map in a chain',
    chain(
      starmap('demo.mul', [
        [1, 2],
        [3, 4],
      ]),
      tsum,
    ),
    14,
  ],
] as const

function runs(): void {
  test.each(canvases)(
    'come to what they should: %s',
    async (_, canvas, expected) => {
      const applied = await Promise.all(Array.from({ length: 4 }, () => broker.canvas.apply(canvas)))
      const values = await Promise.all(applied.map((one) => one.result(patient)))
      expect(values).toEqual([expected, expected, expected, expected])
    },
    60_000,
  )

  test.each([
    ['in a chain', chain(add(1, 1), fail.immutable(), add(1))],
    ['in the header of a chord', chord([add(1, 1), fail], tsum)],
    ['in a chain in a header', chord([chain(add(1, 1), fail.immutable(), add(1)), add(1, 1)], chain(tsum, add(1)))],
  ])(
    'fail as a whole when one fails %s',
    async (_, canvas) => {
      const applied = await Promise.all(Array.from({ length: 4 }, () => broker.canvas.apply(canvas)))
      for (const one of applied) await expect(one.result(patient)).rejects.toMatchObject({ code: 'TASK_FAILED' })
    },
    60_000,
  )
}

describe("canvases among Python's workers", runs)

describe("canvases among Python's workers and ours", () => {
  let worker: Worker
  beforeAll(async () => {
    worker = new Worker({ broker, tasks: demoTasks, name: 'ours@test', queues: ['default'], concurrency: 2 })
    await worker.start()
  }, 60_000)
  afterAll(() => worker?.stop({ cold: true }))
  runs()
})
