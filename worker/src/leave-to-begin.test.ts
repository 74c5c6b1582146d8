/** Runs whose broker must hear that they begin: the handler waits for it. */
import { StoreError } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { settled } from './fixtures/manual-clock.ts'
import { Workshop } from './fixtures/workshop.ts'
import { deferred } from './pools/deferred.ts'

/** A worker with one delivery that waits for leave. */
async function waiting() {
  const shop = await new Workshop().start()
  const leave = deferred<boolean>()
  shop.broker.leave = () => leave.promise
  const [id] = shop.broker.hand('held', {}) as [string]
  await settled()
  return { shop, id, leave }
}

describe('a run that waits for leave to begin', () => {
  it('begins with it, and counts its time from then', async () => {
    const { shop, id, leave } = await waiting()
    expect([shop.broker.accepted, shop.running]).toEqual([[id], []])
    await shop.clock.advance(500)
    leave.resolve(true)
    await settled()
    expect(shop.running).toEqual([id])
    expect(shop.worker.active()[0]?.startedAt).toBe(shop.clock.now())
  })

  it('holds its place meanwhile', async () => {
    const { shop, leave } = await waiting()
    shop.broker.leave = () => undefined
    const [second] = shop.broker.hand('held', {}, {}) as [string]
    await settled()
    expect(shop.running).toEqual([second])
    leave.resolve(false)
    await settled()
    expect(shop.running).toHaveLength(2)
  })

  it('does not begin when it is no longer here, and settles nothing', async () => {
    const { shop, id, leave } = await waiting()
    leave.resolve(false)
    await settled()
    expect([shop.running, shop.broker.outcomes(id), shop.worker.load.active]).toEqual([[], [], 0])
  })

  it('goes back when nobody could be told', async () => {
    const { shop, id, leave } = await waiting()
    leave.reject(new StoreError('STORE_FULL', 'no room'))
    await settled()
    const failure = expect.objectContaining({ message: expect.stringContaining('no room') })
    expect([shop.running, shop.broker.outcomes(id)]).toEqual([[], [{ type: 'released', delayMs: 1000, failure }]])
    expect(shop.errors).toMatchObject([{ code: 'STORE_FULL' }])
  })

  it('does not begin when it was revoked or terminated meanwhile', async () => {
    const revoked = await waiting()
    revoked.shop.broker.revoke(revoked.id, 'cancelled')
    revoked.leave.resolve(true)
    const ended = await waiting()
    await ended.shop.ask('terminate', { task_id: [ended.id] })
    ended.leave.resolve(true)
    await settled()
    expect([revoked.shop.running, revoked.shop.broker.outcomes(revoked.id)]).toEqual([[], []])
    expect([ended.shop.running, ended.shop.broker.outcomes(ended.id)]).toMatchObject([[], [{ type: 'cancelled' }]])
  })

  it('does not begin when it was revoked or its deadline passed meanwhile, and counts no time', async () => {
    const { shop, id, leave } = await waiting()
    const [late] = shop.broker.hand('held', { deadline: shop.clock.now() + 500 }) as [string]
    await shop.ask('revoke', { task_id: [id] })
    await shop.clock.advance(1000)
    leave.resolve(true)
    await settled()
    expect(shop.running).toEqual([])
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'cancelled', message: 'revoked' }])
    expect(shop.broker.outcomes(late)).toEqual([{ type: 'rejected', reason: 'deadline-exceeded' }])
    expect(shop.worker.load.processed).toBe(0)
    expect(shop.worker.registry.get('held')?.runtimes.summary()).toMatchObject({ count: 0 })
  })

  it('holds a cold stop no longer than twice its grace', async () => {
    const { shop } = await waiting()
    const stopped = shop.worker.stop({ cold: true })
    await settled()
    await shop.clock.advance(2 * shop.worker.settings.coldGraceMs)
    await shop.clock.advance(2 * shop.worker.settings.coldGraceMs)
    await stopped
    expect(shop.running).toEqual([])
  })

  it('does not keep a cold stop waiting', async () => {
    const { shop, id, leave } = await waiting()
    const stopped = shop.worker.stop({ cold: true })
    await settled()
    leave.resolve(true)
    await stopped
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'released' }])
  })
})
