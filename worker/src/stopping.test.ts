import { StoreError, silentLogger } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { settled } from './fixtures/manual-clock.ts'
import { Workshop } from './fixtures/workshop.ts'
import type { Module } from './module.ts'
import type { Pool } from './pool.ts'
import { deferred } from './pools/deferred.ts'
import { inlinePool } from './pools/inline.ts'

describe('stopping', () => {
  it('warm: gives back what was reserved, waits for what runs, then closes', async () => {
    const shop = await new Workshop().start()
    const told: string[] = []
    shop.worker.on('end', () => told.push('end')).on('exit', () => told.push('exit'))
    const [a, b, c] = shop.broker.hand('held', {}, {}, {}) as [string, string, string]
    const [later] = shop.broker.hand('held', { at: shop.clock.now() + 5000 }) as [string]
    const stopped = shop.worker.stop()
    await settled()
    expect(told).toEqual(['end'])
    expect(shop.broker.outcomes(c)).toEqual([{ type: 'released' }])
    expect(shop.broker.outcomes(later)).toEqual([{ type: 'released', delayMs: 5000 }])
    const [late] = shop.broker.hand('held', {}) as [string]
    await shop.finish(a)
    expect(shop.broker.outcomes(late)).toEqual([{ type: 'released' }])
    expect(told).toEqual(['end'])
    await shop.finish(b)
    await stopped
    expect(told).toEqual(['end', 'exit'])
    expect(shop.broker.calls).toEqual(['pause', 'stop serving', 'close consumer'])
    await shop.worker.stop()
    await expect(shop.worker.start()).resolves.toBeUndefined()
  })

  it('warm: waits for an outcome that the broker does not take yet, and says so', async () => {
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (...line: unknown[]) => void warnings.push(line) }
    const shop = await new Workshop({ logger }).start()
    const [id] = shop.broker.hand('held', {}) as [string]
    shop.broker.refuse = () => new StoreError('STORE_BUSY', 'locked')
    await shop.finish(id)
    let exited = false
    const stopped = shop.worker.stop().then(() => {
      exited = true
    })
    await shop.clock.advance(1000)
    expect(exited).toBe(false)
    expect(warnings).toEqual([])
    await shop.clock.advance(4000)
    expect(warnings).toEqual([[{ tasks: 1, worker: shop.worker.name }, expect.stringContaining('waiting for the broker')]])
    shop.broker.refuse = () => undefined
    await shop.clock.advance(20_000)
    await stopped
    expect(warnings).toHaveLength(1)
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'completed', result: null }])
  })

  it('cold: aborts what runs, gives it back, and leaves behind what does not stop', async () => {
    const shop = await new Workshop({ coldGrace: '2s', concurrency: 3 }).start()
    const [good, done, deaf] = shop.broker.hand('held', {}, {}, {}) as [string, string, string]
    const signal = shop.context(good).signal
    const warm = shop.worker.stop()
    const cold = shop.worker.stop({ cold: true })
    await settled()
    expect(signal.reason).toMatchObject({ code: 'RUN_STOPPED' })
    await shop.fail(good, signal.reason as Error)
    await shop.finish(done, 'in time')
    expect(shop.broker.outcomes(good)).toEqual([{ type: 'released' }])
    expect(shop.broker.outcomes(done)).toEqual([{ type: 'completed', result: 'in time' }])
    await shop.clock.advance(2000)
    await Promise.all([warm, cold])
    expect(shop.broker.outcomes(deaf)).toEqual([{ type: 'released' }])
    expect(shop.worker.load.lingering).toBe(1)
  })

  it('cold: leaves behind, after its own grace, what is settled already and does not stop', async () => {
    const shop = await new Workshop({ abortGrace: '1h', coldGrace: '2s' }).start()
    const [late, terminated] = shop.broker.hand('held', { timeoutMs: 1000, retryLimit: 0 }, {}) as [string, string]
    await shop.clock.advance(1000)
    shop.worker.revoke([terminated], { terminate: true })
    await settled()
    expect(shop.worker.load).toMatchObject({ active: 2, lingering: 0 })
    let stopped = false
    const stop = shop.worker.stop({ cold: true }).then(() => {
      stopped = true
    })
    await shop.clock.advance(1999)
    expect(stopped).toBe(false)
    await shop.clock.advance(1)
    await stop
    expect(shop.worker.load).toMatchObject({ active: 0, lingering: 2 })
    expect(shop.broker.outcomes(late)).toMatchObject([{ type: 'failed', reason: 'timeout' }])
    expect(shop.broker.settlements).toHaveLength(2)
  })

  it('cold: does not wait for ever for a broker that is gone', async () => {
    const shop = await new Workshop().start()
    shop.broker.hand('held', {})
    shop.broker.refuse = () => new StoreError('STORE_UNAVAILABLE', 'gone')
    const stopped = shop.worker.stop({ cold: true })
    await shop.clock.advance(10_000)
    await stopped
    expect(shop.errors.length).toBeGreaterThan(0)
  })

  describe('cold, while it starts', () => {
    const stuck = () => deferred<never>().promise

    async function interrupted(shop: Workshop, what: string) {
      const fatal: Error[] = []
      shop.worker.on('fatal', (error) => fatal.push(error))
      const started = shop.worker.start().then(
        () => 'started',
        (error: unknown) => error,
      )
      await settled()
      const warm = shop.worker.stop()
      await settled()
      await Promise.all([warm, shop.worker.stop({ cold: true })])
      const error = expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining(what) })
      expect([await started, ...fatal]).toEqual([error, error])
    }

    it('gives up a pool that does not start, and closes it', async () => {
      let closed = 0
      const pool: Pool = {
        ...inlinePool(new Map()),
        start: stuck,
        close: async () => {
          closed++
        },
      }
      await interrupted(new Workshop({ pool }), 'the pool (inline)')
      expect(closed).toBe(1)
    })

    it('gives up a module that does not start, and stops it again if it does so later', async () => {
      const late = deferred()
      let stops = 0
      const slow: Module = { name: 'slow', start: () => late.promise, stop: () => void stops++ }
      await interrupted(new Workshop({ modules: [slow] }), 'the module slow')
      expect(stops).toBe(1)
      late.resolve()
      await settled()
      expect(stops).toBe(2)
    })

    it('gives up a broker that does not answer, and closes a consumer that comes later', async () => {
      const shop = new Workshop()
      const late = deferred()
      const { consume } = shop.broker.tasks
      Object.assign(shop.broker.tasks, {
        consume: (...args: Parameters<typeof consume>) => late.promise.then(() => consume(...args)),
      })
      await interrupted(shop, 'the broker')
      expect(shop.broker.calls).toEqual(['stop serving'])
      late.resolve()
      await settled()
      expect(shop.broker.calls).toEqual(['stop serving', 'close consumer'])
    })

    it('and when closing hangs, too, waits for twice the grace and no longer', async () => {
      const hung: Module = { name: 'hung', start: stuck, stop: stuck }
      const shop = new Workshop({ modules: [hung], coldGrace: '2s' })
      const started = shop.worker.start().catch(() => 'interrupted')
      let stopped = false
      void shop.worker.stop({ cold: true }).then(() => {
        stopped = true
      })
      await shop.clock.advance(3_999)
      expect(stopped).toBe(false)
      await shop.clock.advance(1)
      expect([stopped, await started]).toEqual([true, 'interrupted'])
    })
  })

  it('before the start, nothing happens; the worker cannot start any more', async () => {
    const shop = new Workshop()
    await shop.worker.stop()
    await expect(shop.worker.start()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
