/** Several tasks and results in one message: how they are cut, and what a worker of L1 and its gateway do with them. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { batches, decodeBatch } from '../wire/batch.ts'
import { limits } from '../wire/limits.ts'
import { type Frame, GatewayWorld, job, l1, type Place, stored, type TestWorker } from './fixtures/gateway-world.ts'

describe('a batch', () => {
  it('is cut so that none is too large, and all is said once, in order', () => {
    const sizes = fc.array(fc.nat({ max: limits.batchBytes * 2 }), { maxLength: 30 })
    fc.assert(
      fc.property(sizes, (items) => {
        const cut = batches(items, (size) => size)
        expect(cut.flat()).toEqual(items)
        for (const batch of cut) {
          expect(batch.length).toBeGreaterThan(0)
          if (batch.length > 1) expect(batch.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(limits.batchBytes)
        }
      }),
    )
  })

  it.each([undefined, {}, ['x'], [['x']], [[1, {}]], [['x', {}, 1]]])('is a list of events and frames, not %j', (value) => {
    expect(decodeBatch([value])).toMatchObject({ ok: false })
  })
})

describe('a worker of L1 that takes batches', () => {
  let world: GatewayWorld
  let place: Place
  let worker: TestWorker
  beforeEach(async () => {
    world = new GatewayWorld()
    place = await world.place()
    worker = world.worker(place)
  })
  afterEach(() => world.close())

  async function hands(ids: readonly string[], answer: unknown): Promise<readonly Frame[]> {
    await place.broker.tasks.send(ids.map((id) => job(id)))
    worker.answer = answer
    const welcome = await worker.registerAs('w', { capacity: ids.length, features: [...l1.features, 'batch'] })
    expect(welcome).toMatchObject({ features: ['batch'] })
    const [items] = await worker.next('worker.batch')
    expect((items as [string, Frame][]).map(([event]) => event)).toEqual(ids.map(() => 'worker.task'))
    return (items as [string, Frame][]).map(([, frame]) => frame)
  }

  it('gets several tasks at once, and reports several', async () => {
    const frames = await hands(['a', 'b', 'c'], [{ accepted: true }, { accepted: true }, { accepted: true }])
    const done = frames.map(({ id, lease }) => ['worker.task.done', { id, lease: lease?.id, success: true, results: id }])
    const wrong = [
      ['worker.task.fail', { id: 'a' }],
      ['worker.drain', {}],
    ]
    expect(await worker.ask('worker.batch', [...done, ...wrong])).toMatchObject([
      { ok: true },
      { ok: true },
      { ok: true },
      { ok: false, code: 'invalid' },
      { ok: false, code: 'invalid' },
    ])
    for (const id of ['a', 'b', 'c']) expect(await stored(place, id)).toMatchObject({ state: 'completed', result: `"${id}"` })
    expect(place.gateway.sessions()).toMatchObject([{ draining: false, running: [] }])
    expect(await worker.ask('worker.batch', [])).toEqual([])
    expect(await worker.ask('worker.batch', 'none')).toEqual([])
  })

  it('says of each task whether it takes it', async () => {
    await hands(['a', 'b'], [{ accepted: true }, { accepted: false, code: 'invalid', message: 'expected `x`' }])
    await expect
      .poll(() => stored(place, 'b'))
      .toMatchObject({ reason: 'malformed-payload', failure: { message: 'expected `x`' } })
    expect(place.gateway.sessions()).toMatchObject([{ running: ['a'] }])
  })
})
