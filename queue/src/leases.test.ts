import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'
import { createQueueBroker } from './queue-broker.ts'

let w: World
beforeEach(async () => {
  w = await world({ lease: '30s' })
})
afterEach(() => w.close())

async function state(id: string) {
  const [task] = (await w.broker.admin?.get([id])) ?? []
  return task
}

test('a lease is renewed at a third of its length for as long as the run lasts', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  const until = (await state('a'))?.takenUntil ?? 0
  await w.clock.advance(10_000)
  expect((await state('a'))?.takenUntil).toBe(until + 10_000)
  await w.clock.advance(120_000)
  expect(recorder.names).toEqual(['a'])
  expect(recorder.revoked).toEqual([])
})

test('renewals end when nothing is held', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'completed', result: null })
  await w.clock.advance(11_000)
  const renewals = w.calls.renew
  await w.clock.advance(60_000)
  expect(w.calls.renew).toBe(renewals)
})

test('a worker that cannot renew loses its run when the lease ends, and cannot settle it any more', async () => {
  await w.broker.tasks.send([job('a')])
  const frozen = await new Recorder().open(w.broker)
  w.backend.store.renew = () => Promise.reject(new TypeError('frozen'))
  frozen.consumer.pause()
  const other = await new Recorder().open(await w.another(), { worker: 'other@host' })
  await w.clock.advance(30_100)
  expect(other.names).toEqual(['a'])
  expect(other.delivery('a').message).toMatchObject({ run: 1, lost: 1 })
  expect(frozen.revoked).toEqual([{ id: 'a', run: 0, reason: 'lost' }])
  expect(await frozen.delivery('a').settle({ type: 'completed', result: 'late' })).toBe(false)
  expect(await other.delivery('a').settle({ type: 'completed', result: 'in time' })).toBe(true)
  expect((await state('a'))?.result).toBe('"in time"')
})

test('a lease that is renewed after it was found to be over is not ended', async () => {
  const { store } = w.backend
  await w.broker.tasks.send([job('a')])
  const now = w.clock.now()
  await store.claim({ queues: ['default'], holder: 'elsewhere', worker: 'w@far', limit: 1, now, until: now + 30_000 })
  const { sweep } = store
  store.sweep = async (at, limit) => {
    const reply = await sweep(at, limit)
    if (reply.overdue.length > 0) await store.renew({ holder: 'elsewhere', until: at + 30_000 })
    return reply
  }
  const recorder = await new Recorder().open(w.broker)
  await w.clock.advance(30_100)
  expect(recorder.names).toEqual([])
  expect(await state('a')).toMatchObject({ state: 'running', run: 0, lost: 0, holder: 'elsewhere' })
})

test('a run that was taken away while nobody could tell is noticed at the next renewal', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  await w.backend.store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'scheduled', dueAt: w.clock.now() + 1e9 } }])
  await w.clock.advance(10_000)
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'lost' }])
})

test('a run that the store gave to a holder that never heard of it goes back', async () => {
  await w.broker.tasks.send([job('known')])
  const recorder = await new Recorder().open(w.broker)
  const { holder } = recorder.consumer
  recorder.consumer.pause()
  await w.broker.tasks.send([job('orphan')])
  const now = w.clock.now()
  const answerLost = { queues: ['default'], holder, worker: 'worker@host', limit: 1, now, until: now + 30_000 }
  await w.backend.store.claim(answerLost)
  await w.clock.advance(10_000)
  expect((await state('orphan'))?.state).toBe('running')
  await w.clock.advance(10_000)
  expect((await state('orphan'))?.state).toBe('pending')
})

test('lost too often a task ends as worker-lost', async () => {
  await w.broker.tasks.send([job('a', { lostLimit: 1 })])
  for (const name of ['one@host', 'two@host']) {
    const recorder = await new Recorder().open(w.broker, { worker: name })
    recorder.consumer.pause()
    w.backend.liveness.drop(recorder.consumer.holder)
    await settled()
  }
  expect(await state('a')).toMatchObject({ state: 'exception', reason: 'worker-lost', lost: 1 })
})

test('a worker that dies has its runs with another at once', async () => {
  await w.broker.tasks.send([job('a'), job('b')])
  const dying = await new Recorder().open(w.broker)
  const other = await new Recorder().open(await w.another(), { worker: 'other@host' })
  dying.consumer.pause()
  w.backend.liveness.drop(dying.consumer.holder)
  await settled()
  expect(other.names).toEqual(['a', 'b'])
  expect(await dying.delivery('a').settle({ type: 'completed', result: null })).toBe(false)
  expect((await w.broker.admin?.workers())?.map((worker) => worker.name)).toEqual(['other@host'])
  expect((await state('a'))?.runs).toMatchObject([{ run: 0, outcome: 'lost', worker: 'worker@host' }])
})

test('what a worker held when everything died is found by the next process that starts', async () => {
  await w.broker.tasks.send([job('a')])
  // A world of its own on the same store: its maintenance never hears of the death.
  const { store, signal } = w.backend
  const deadHold = await w.backend.liveness.hold('dead@host')
  await store.records.write([
    {
      kind: 'worker',
      key: deadHold.id,
      value: JSON.stringify({ name: 'dead@host', holder: deadHold.id, queues: [], tasks: [] }),
    },
  ])
  const now = w.clock.now()
  await store.claim({ queues: ['default'], holder: deadHold.id, worker: 'dead@host', limit: 1, now, until: now + 30_000 })
  w.backend.liveness.drop(deadHold.id)
  const next = await createQueueBroker({ store, signal, liveness: w.backend.liveness, clock: w.clock })
  const recorder = await new Recorder().open(next)
  expect(recorder.names).toEqual(['a'])
  await next.close()
})

test('a loop that was blocked is told of', async () => {
  const warnings: string[] = []
  const logger = { debug() {}, info() {}, error() {}, warn: (_: object, text: string) => warnings.push(text) }
  const broker = await w.another({ logger })
  await broker.tasks.send([job('a')])
  await new Recorder().open(broker)
  const { clock } = w
  const now = clock.now
  clock.now = () => now() + 15_000
  await clock.advance(10_000)
  clock.now = now
  expect(warnings.some((text) => text.includes('event loop was blocked for 15s'))).toBe(true)
})

test('the end of a lease is noticed in time by a worker that was idle when it began', async () => {
  const idle = await new Recorder().open(await w.another(), { worker: 'idle@host', tasks: [{ name: 'job' }] })
  idle.consumer.pause()
  await w.clock.advance(25_000)
  await w.broker.tasks.send([job('a')])
  const frozen = await new Recorder().open(w.broker)
  frozen.consumer.pause()
  idle.consumer.resume()
  w.backend.store.renew = () => Promise.reject(new TypeError('frozen'))
  await w.clock.advance(30_100)
  expect(idle.names).toEqual(['a'])
})

test('a machine that slept over its leases loses none of its runs', async () => {
  await w.broker.tasks.send([job('a')])
  const one = await new Recorder().open(w.broker)
  const two = await new Recorder().open(await w.another(), { worker: 'two@host' })
  await w.clock.sleep(3_600_000)
  await w.clock.advance(60_000)
  expect([...one.names, ...two.names]).toEqual(['a'])
  expect([...one.revoked, ...two.revoked]).toEqual([])
  expect(await state('a')).toMatchObject({ state: 'running', run: 0, lost: 0 })
})

test('the handlers of a worker that only looked dead are told to stop', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  recorder.consumer.pause()
  w.backend.liveness.drop(recorder.consumer.holder)
  await settled()
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'lost' }])
})

test('an outcome that could not be written does not stand in the way of a newer run', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  const first = recorder.delivery('a')
  const { update } = w.backend.store
  const written = Promise.withResolvers<never>()
  w.backend.store.update = () => written.promise
  const settling = first.settle({ type: 'completed', result: 'late' })
  await settled()
  w.backend.store.update = update
  await w.broker.tasks.send([job('b')])
  await w.backend.store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'pending' } }])
  await w.clock.advance(30_000)
  expect(recorder.delivery('a').message.run).toBe(1)
  written.reject(new TypeError('disk'))
  await expect(settling).rejects.toThrow('disk')
  expect(await first.settle({ type: 'completed', result: 'later' })).toBe(false)
  expect(await recorder.delivery('a').settle({ type: 'completed', result: 'in time' })).toBe(true)
  expect((await state('a'))?.result).toBe('"in time"')
})
