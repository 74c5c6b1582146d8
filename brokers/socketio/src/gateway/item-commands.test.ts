/** Workers that know nothing of remote control are listed, asked and steered all the same. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GatewayWorld, job, l1, type Place, stored, type TestWorker } from './fixtures/gateway-world.ts'

let world: GatewayWorld
let place: Place
let worker: TestWorker
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
  worker = world.worker(place)
})
afterEach(() => world.close())

const name = 'w@127.0.0.1'
const ask = async (method: string, args = {}, from: Place = place) => {
  const [reply] = await from.broker.control.request(method, args, { destination: [name], timeoutMs: 10_000 })
  return reply
}

describe('a worker that knows nothing of remote control', () => {
  it('of either level is listed with its queues, and known to explain', async () => {
    await worker.registerAs('w', { queues: ['w', 'more'] })
    const plain = world.worker(place)
    await plain.register('plain')
    await vi.waitFor(async () => {
      const seen = (await place.broker.admin?.workers())?.map((one) => [one.name, one.queues, one.everyTask])
      expect(seen?.sort()).toEqual([
        ['plain@127.0.0.1', ['plain'], true],
        [name, ['w', 'more'], true],
      ])
    })
    plain.close()
    await vi.waitFor(async () => expect((await place.broker.admin?.workers())?.map((one) => one.name)).toEqual([name]))
    await worker.ask('worker.drain', {})
    await place.broker.tasks.send([job('a')])
    expect((await place.broker.admin?.explain('a'))?.reasons).toEqual([expect.stringContaining('waits for a free place')])
  })

  it('is answered for', async () => {
    await worker.registerAs('w', { capacity: 3 })
    await place.broker.tasks.send([job('a')])
    await worker.task()
    expect(await ask('ping')).toMatchObject({ ok: true, value: { ok: 'pong' } })
    expect(await ask('active')).toMatchObject({ value: [{ id: 'a', name: 'job', hostname: name, kwargs: {} }] })
    expect(await ask('query_task', { ids: ['a', 'b'] })).toMatchObject({ value: { a: ['active', { id: 'a' }] } })
    expect(await ask('active_queues')).toMatchObject({ value: [{ name: 'w' }] })
    expect(await ask('stats')).toMatchObject({
      value: { total: { job: 1 }, load: { active: 1, processed: 0 }, pool: { 'max-concurrency': 3 }, paused: false },
    })
    expect(await ask('pool_grow')).toMatchObject({ ok: false, error: expect.stringContaining('answers for a worker') })
  })

  it('is paused and goes on at a word, at whichever gateway it is', async () => {
    await worker.registerAs('w')
    const other = await world.place()
    expect(await ask('pause', { reason: 'a look inside' }, other)).toMatchObject({
      ok: true,
      value: { ok: expect.stringMatching(/^paused until 20/) },
    })
    expect(await ask('stats')).toMatchObject({ value: { paused: true, pause: { reason: 'a look inside', count: 1 } } })
    await place.broker.tasks.send([job('a')])
    // A claim may have been on its way: then it goes back.
    await vi.waitFor(async () => expect(await stored(place, 'a')).toMatchObject({ state: 'pending' }))
    expect(worker.count('worker.task')).toBe(0)
    expect(await ask('resume')).toMatchObject({ ok: true, value: { ok: 'resumed' } })
    expect((await worker.task()).id).toBe('a')
    expect(await ask('resume')).toMatchObject({ value: { ok: 'it was not paused' } })
  })

  it('is told to end a run', async () => {
    await worker.registerAs('w', { features: l1.features })
    await place.broker.tasks.send([job('a')])
    await worker.task()
    expect(await ask('revoke', { task_id: 'a' })).toMatchObject({ ok: false, error: expect.stringContaining('--terminate') })
    expect(await ask('revoke', { task_id: ['a', 'b'], terminate: true })).toMatchObject({ value: { ok: 'terminate: a' } })
    expect(await worker.next('worker.cancel')).toMatchObject([{ id: 'a' }])
    expect(await stored(place, 'a')).toMatchObject({ state: 'exception', reason: 'cancelled' })
  })
})
