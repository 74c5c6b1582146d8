import { silentLogger } from '@lovage/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ToyBroker } from './fixtures/toy-broker.ts'
import * as tasks from './pools/fixtures/tasks.ts'
import { Worker } from './worker.ts'
import type { WorkerOptions } from './worker-options.ts'

const files = [new URL('./pools/fixtures/tasks.ts', import.meta.url).href]
/** For facts of other threads and processes, which no manual clock moves. */
const deadline = { timeout: 15_000, interval: 10 }

async function started(pool: 'threads' | 'processes', options: Partial<WorkerOptions> = {}) {
  const broker = new ToyBroker()
  const worker = new Worker({ broker, tasks, files, pool, concurrency: 2, logger: silentLogger, ...options })
  onTestFinished(() => worker.stop({ cold: true }))
  await worker.start()
  const outcome = (id: string) =>
    vi.waitFor(() => expect(broker.outcomes(id)).toHaveLength(1), deadline).then(() => broker.outcomes(id)[0])
  const says = (id: string) => vi.waitFor(() => expect(broker.notes.some(([of]) => of === id)).toBe(true), deadline)
  return { broker, worker, outcome, says }
}

for (const pool of ['threads', 'processes'] as const) {
  describe(`a worker with ${pool}`, () => {
    it('runs tasks elsewhere', async () => {
      const { broker, outcome, worker } = await started(pool)
      const [id, me] = [...broker.hand('echo', { input: { n: 1 } }), ...broker.hand('whoami', {})] as [string, string]
      expect(await outcome(id)).toEqual({ type: 'completed', result: { n: 1 } })
      expect(await outcome(me)).not.toEqual({ type: 'completed', result: process.pid })
      expect(worker.pool.describe()).toMatchObject({ implementation: pool, 'max-concurrency': 2 })
    })

    it('kills a handler that hangs at its time limit, and goes on', async () => {
      const { broker, outcome, worker } = await started(pool, { concurrency: 1 })
      const [hung] = broker.hand('hang', { timeoutMs: 200, retryLimit: 0 }) as [string]
      const [next] = broker.hand('echo', { input: 'next' }) as [string]
      expect(await outcome(hung)).toMatchObject({ type: 'failed', reason: 'timeout', failure: { code: 'TIMEOUT' } })
      expect(await outcome(next)).toEqual({ type: 'completed', result: 'next' })
      expect(worker.load.lingering).toBe(0)
    })

    it('terminates a task by remote control', async () => {
      const { broker, outcome, says } = await started(pool)
      const [id] = broker.hand('hang', {}) as [string]
      await says(id)
      const [reply] = await broker.control.request('terminate', { task_id: id })
      expect(reply).toMatchObject({ ok: true, value: { ok: `terminate: ${id}` } })
      expect(await outcome(id)).toEqual({ type: 'cancelled', message: 'terminated' })
    })

    it('stops cold although a module hangs at its load', async () => {
      const hanging = [new URL('./pools/fixtures/hangs-at-load.ts', import.meta.url).href]
      const worker = new Worker({ broker: new ToyBroker(), tasks, files: hanging, pool, logger: silentLogger })
      const start = worker.start()
      await Promise.all([
        expect(start).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining(`the pool (${pool})`) }),
        worker.stop({ cold: true }),
      ])
    })

    it('does not start with a module that does not load, and names it', async () => {
      const broken = [...files, new URL('./pools/fixtures/throws-at-load.ts', import.meta.url).href]
      const worker = new Worker({ broker: new ToyBroker(), tasks, files: broken, pool, logger: silentLogger })
      const fatal: Error[] = []
      worker.on('fatal', (error) => fatal.push(error))
      const error = expect.objectContaining({
        code: 'MODULE_INVALID',
        message: expect.stringMatching(/throws-at-load\.ts to load .* expected luck/),
      })
      await expect(worker.start()).rejects.toEqual(error)
      expect(fatal).toEqual([error])
    })

    it('stops cold although a handler hangs, and gives it back', async () => {
      const { broker, worker, says } = await started(pool, { coldGrace: 100 })
      const [id] = broker.hand('hang', {}) as [string]
      await says(id)
      await worker.stop({ cold: true })
      expect(broker.outcomes(id)).toEqual([{ type: 'released' }])
    })
  })
}
