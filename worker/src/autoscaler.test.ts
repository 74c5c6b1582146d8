import { describe, expect, it } from 'vitest'
import { Workshop } from './fixtures/workshop.ts'

describe('autoscale', () => {
  it('grows with the load within a second, and shrinks half a minute after it is gone', async () => {
    const shop = await new Workshop({ concurrency: undefined, autoscale: { min: 1, max: 3 } }).start()
    const { worker, clock, broker } = shop
    expect(worker.concurrency).toBe(1)
    expect(broker.prefetches.at(-1)).toBe(3)
    const ids = broker.hand('held', {}, {}, {}, {})
    expect(shop.running).toHaveLength(1)
    await clock.advance(1000)
    expect(worker.concurrency).toBe(3)
    expect(shop.running).toHaveLength(3)
    for (const id of ids) await shop.finish(id)
    await clock.advance(29_000)
    expect(worker.concurrency).toBe(3)
    await clock.advance(3000)
    expect(worker.concurrency).toBe(1)
    await worker.stop()
  })
})
