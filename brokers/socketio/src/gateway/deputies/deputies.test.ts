/** The gateway and a whole Worker, frame by frame: deliveries, outcomes, and what another gateway has written. */
import { manualClock } from '@lovage/testing'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { GatewayWorld, job, type Place, stored, type TestWorker, within } from '../fixtures/gateway-world.ts'

let world: GatewayWorld
let place: Place
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
})
afterEach(() => world.close())

const inflow = { prefetch: 2, paused: false, resting: [], skipped: [] }
const work = { host: 'far', pid: 1, tasks: [{ name: 'job' }], inflow }

async function whole(id = 'w@far', more: object = {}): Promise<TestWorker> {
  const worker = world.worker(place)
  const answer = await worker.registerAs(id, { queues: ['w'], features: ['broker'], work, ...more })
  expect(answer).toMatchObject({ ok: true, features: ['broker'] })
  return worker
}

describe('a whole Worker on the wire', () => {
  it('gets several deliveries in one frame, and outcomes are answered one by one', async () => {
    await place.broker.tasks.send([job('a'), job('b'), job('c')])
    const worker = await whole()
    const [tasks] = await worker.next('worker.tasks')
    expect(tasks).toMatchObject([
      { id: 'a', run: 0, name: 'job', input: '{"of":"a"}' },
      { id: 'b', run: 0 },
    ])
    const outcome = { type: 'completed', result: 1 }
    const wrong = [
      { id: 'b', run: 0, outcome: { type: 'nonsense' } },
      { id: 'none', run: 7, outcome },
    ]
    expect(await worker.ask('worker.outcomes', [{ id: 'a', run: 0, begunMsAgo: 5, outcome }, ...wrong])).toMatchObject([
      { ok: true },
      { ok: false, code: 'invalid' },
      { ok: false, code: 'lost' },
    ])
    // Told again, as after an answer that was lost.
    expect(await worker.ask('worker.outcomes', [{ id: 'a', run: 0, outcome }])).toEqual([{ ok: true }])
    expect(await stored(place, 'a')).toMatchObject({ state: 'completed', result: '1', run: 0 })
    expect((await worker.next('worker.tasks'))[0]).toMatchObject([{ id: 'c' }])
  })

  it('is known by what it had settled at a gateway that is gone', async () => {
    await place.broker.tasks.send([job('a')])
    const worker = await whole()
    await worker.next('worker.tasks')
    const told = [{ id: 'a', run: 0, outcome: { type: 'retried', delayMs: 0, limit: 3 } }]
    expect(await worker.ask('worker.outcomes', told)).toEqual([{ ok: true }])
    await place.gateway.close()
    place = await world.place()
    const again = world.worker(place)
    const options = { queues: ['w'], features: ['broker'], work, resume: [{ id: 'a', lease: 'run-0' }] }
    // Who reads that it was lost says nothing more of it.
    expect(await again.registerAs('w@far', options)).toMatchObject({ ok: true, resumed: ['a'], lost: [] })
    expect(await again.ask('worker.outcomes', told)).toEqual([{ ok: true }])
    expect(await stored(place, 'a')).toMatchObject({ retries: 1 })
  })

  it('is known by what another gateway writes at the same time', async () => {
    await place.broker.tasks.send([job('a')])
    const worker = await whole()
    await worker.next('worker.tasks')
    const task = await stored(place, 'a')
    await place.broker.desk?.settle(task, { type: 'completed', startedAt: task.createdAt, result: '1' })
    const told = [{ id: 'a', run: 0, outcome: { type: 'completed', result: 1 } }]
    expect(await worker.ask('worker.outcomes', told)).toEqual([{ ok: true }])
  })

  it('gets nothing that was claimed before it came back', async () => {
    const { desk, admin } = place.broker as Required<typeof place.broker>
    const look = Promise.withResolvers<void>()
    const slow = { workers: () => look.promise.then(() => admin.workers()) }
    const quick = { get: admin.get.bind(admin), find: admin.find.bind(admin) }
    place = await world.place({ desk, admin: { ...quick, ...slow } })
    await whole()
    await desk.send(job('a'))
    await vi.waitFor(async () => expect((await admin.get(['a']))[0]).toMatchObject({ run: 0, state: 'running' }), 15_000)
    const again = await whole()
    expect((await admin.get(['a']))[0]).toMatchObject({ state: 'pending' })
    look.resolve()
    expect((await again.next('worker.tasks'))[0]).toMatchObject([{ id: 'a', run: 1 }])
    expect(again.count('worker.revoke')).toBe(0)
  })

  it('gets another task in place of one that it may not begin any more', async () => {
    const worker = await whole('w@far', { work: { ...work, inflow: { ...inflow, prefetch: 1 } } })
    await place.broker.tasks.send([job('a', { lostLimit: 0 }), job('b')])
    expect((await worker.next('worker.tasks'))[0]).toMatchObject([{ id: 'a', asks: true }])
    // Others have it, and the word of that was lost.
    await place.broker.desk?.settle(await stored(place, 'a'), { type: 'released', delayMs: 60_000 })
    expect(await worker.ask('worker.begin', [{ id: 'a', run: 0 }])).toEqual([false])
    expect((await worker.next('worker.tasks'))[0]).toMatchObject([{ id: 'b' }])
  })

  it('gets nothing of what it leaves out, and is taken at its word on queues alone as far as it may', async () => {
    const worker = await whole()
    expect(await worker.ask('worker.inflow', { ...inflow, skipped: ['job'], queues: ['w'] })).toEqual({ ok: true })
    await place.broker.tasks.send([job('a')])
    expect(await worker.ask('worker.inflow', { ...inflow, queues: [] })).toEqual({ ok: true })
    expect(await worker.ask('worker.inflow', { queues: 'w' })).toMatchObject({ ok: false, code: 'invalid' })
    expect(worker.count('worker.tasks')).toBe(0)
    expect(await worker.ask('worker.inflow', { ...inflow, queues: ['w'] })).toEqual({ ok: true })
    expect((await worker.next('worker.tasks'))[0]).toMatchObject([{ id: 'a' }])
  })

  it('is waited for at the end of its gateway as long as that says', async () => {
    const draining = await world.place({ drain: '1 minute' })
    const worker = world.worker(draining, { reconnection: false })
    await worker.registerAs('w@far', { queues: ['w'], features: ['broker'], work })
    await draining.broker.tasks.send([job('a')])
    await worker.next('worker.tasks')
    const closed = draining.gateway.close()
    const told = [{ id: 'a', run: 0, outcome: { type: 'completed', result: 1 } }]
    expect(await worker.ask('worker.outcomes', told)).toEqual([{ ok: true }])
    await within(closed, 'the gateway to close')
    expect(await stored(draining, 'a')).toMatchObject({ state: 'completed' })
  })

  it('may err now and then for as long as it lives', async () => {
    const clock = manualClock()
    const timed = new GatewayWorld(undefined, clock)
    onTestFinished(() => timed.close())
    const worker = timed.worker(await timed.place())
    await worker.registerAs('w@far', { queues: ['w'], features: ['broker'], work })
    for (let round = 0; round < 3; round++) {
      for (let frame = 0; frame < 60; frame++) await worker.ask('worker.begin', 'nonsense')
      await clock.advance('10 minutes')
    }
    expect(worker.socket.connected).toBe(true)
    for (let frame = 0; frame < 101; frame++) worker.socket.emit('worker.begin', 'nonsense')
    expect(await worker.next('disconnect')).toEqual(['transport close'])
  })

  it('harms nobody with frames of chance', { timeout: 60_000 }, async () => {
    const worker = await whole('chance@far', { queues: ['other'] })
    const events = ['outcomes', 'begin', 'log', 'inflow', 'events', 'send', 'results', 'connect', 'batch']
    const entry = fc.record(
      { id: fc.constantFrom('a', 'b', ''), run: fc.constantFrom(0, -1, 1.5), outcome: fc.jsonValue(), type: fc.string() },
      { requiredKeys: [] },
    )
    const frame = fc.oneof(fc.jsonValue(), fc.array(fc.oneof(entry, fc.jsonValue())))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...events), frame, async (event, args) => {
        if (worker.socket.connected) worker.socket.emit(`worker.${event}`, args, () => {})
      }),
      { numRuns: 300 },
    )
    await place.broker.tasks.send([job('a')])
    const well = await whole()
    expect((await well.next('worker.tasks'))[0]).toMatchObject([{ id: 'a', run: 0 }])
    expect(await well.ask('worker.outcomes', [{ id: 'a', run: 0, outcome: { type: 'completed' } }])).toEqual([{ ok: true }])
    expect(await stored(place, 'a')).toMatchObject({ state: 'completed', worker: 'w@far' })
  })
})
