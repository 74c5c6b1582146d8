/** What the settings of a broker's world say of a worker, and what says more than they. */
import { defineTask, type WorkerDefaults } from '@lovage/core'
import { expect, test } from 'vitest'
import { ToyBroker } from './fixtures/toy-broker.ts'
import { Workshop } from './fixtures/workshop.ts'
import type { WorkerOptions } from './worker-options.ts'

const defaults: WorkerDefaults = {
  concurrency: 3,
  prefetch: (concurrency) => concurrency * 2,
  timeoutMs: 5000,
  softTimeoutMs: 4000,
  rateLimit: '10/m',
}
const plain = defineTask({ name: 'plain', run: () => 1 })
const own = defineTask({ name: 'own', timeout: '1s', softTimeout: '500ms', rateLimit: 5, run: () => 1 })

/** A worker in a world that says this of its workers. */
async function begin(said: WorkerDefaults, options: Partial<WorkerOptions> = {}) {
  const broker = Object.assign(new ToyBroker(), { workerDefaults: said })
  const shop = await new Workshop({ concurrency: undefined, broker, ...options }, [plain, own]).start()
  return { broker, worker: shop.worker }
}

test('what the broker says holds where worker and definition say nothing', async () => {
  const { broker, worker } = await begin(defaults)
  expect([worker.concurrency, broker.consumed?.prefetch, worker.settings.prefetch]).toEqual([3, 6, 'broker'])
  const facts = [...worker.registry.values()].map(({ hardMs, softMs, rate }) => [hardMs, softMs, rate])
  expect(facts).toEqual([
    [5000, 4000, '10/m'],
    [1000, 500, 5],
  ])
  await worker.stop()
})

test('what it says of a task by its name stands above the definition', async () => {
  const limitsOf = (task: string) => (task === 'own' ? { timeoutMs: 2000, rateLimit: 0 } : {})
  const { worker } = await begin({ ...defaults, limitsOf })
  const { hardMs, softMs, rate } = worker.registry.get('own') ?? {}
  expect([hardMs, softMs, rate]).toEqual([2000, 500, undefined])
  expect(worker.registry.get('plain')?.hardMs).toBe(5000)
  await worker.stop()
})

test('the options of the worker stand above it', async () => {
  const { broker, worker } = await begin(defaults, { concurrency: 2, prefetch: 'auto' })
  expect([worker.concurrency, broker.consumed?.prefetch, worker.settings.prefetch]).toEqual([2, 2, 'auto'])
  await worker.stop()
})

test('the prefetch follows the concurrency, up to what autoscaling may reach', async () => {
  const { broker, worker } = await begin(defaults)
  worker.resize(5)
  expect(broker.prefetches.at(-1)).toBe(10)
  await worker.stop()
  const scaled = await begin(defaults, { autoscale: { min: 1, max: 4 } })
  expect([scaled.worker.concurrency, scaled.broker.prefetches.at(-1)]).toEqual([1, 8])
  await scaled.worker.stop()
})

test('a prefetch of 0 is without a limit, whatever waits for a time of its own', async () => {
  const { broker, worker } = await begin({ prefetch: () => 0 })
  broker.hand('plain', { at: Number.MAX_SAFE_INTEGER })
  expect(worker.load.scheduled).toBe(1)
  expect([...new Set(broker.prefetches)]).toEqual([0])
  await worker.stop()
})
