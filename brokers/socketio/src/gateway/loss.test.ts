/** Workers that go, come back, are replaced or fall silent, and runs that are not wanted any more. */
import { type Admin, StoreError } from '@lovage/core'
import type { ManualClock } from '@lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Frame,
  type GatewayWorld,
  job,
  openWorld,
  type Place,
  stored,
  type TestWorker,
  within,
} from './fixtures/gateway-world.ts'
import { instanceHolder } from './identity.ts'

let clock: ManualClock
let world: GatewayWorld
let place: Place
beforeEach(async () => {
  ;({ clock, world, place } = await openWorld())
})
afterEach(() => world.close())

const result = (id: string) => within(place.broker.results.wait(id), `the result of ${id}`)
const away = (at = place) => expect.poll(() => at.gateway.sessions().every(({ connected }) => !connected)).toBe(true)

/** A worker of L1 with task `a`. */
async function atWork(options: Readonly<Record<string, unknown>> = {}, at = place): Promise<[TestWorker, Frame]> {
  const worker = world.worker(at)
  await worker.registerAs('w', options)
  await at.broker.tasks.send([job('a')])
  return [worker, await worker.task()]
}

async function waiting(at = place): Promise<TestWorker> {
  const other = world.worker(at)
  await other.registerAs('other', { queues: ['w'] })
  return other
}

describe('a worker whose socket is closed', () => {
  test.each([0, 1])('on L%s keeps its tasks for the grace, then they are elsewhere at once', async (level) => {
    const worker = world.worker(place)
    if (level === 0) await worker.register('w')
    else await worker.registerAs('w')
    await place.broker.tasks.send([job('a')])
    await worker.task()
    const other = await waiting()
    worker.cut()
    await expect.poll(() => place.gateway.sessions().find(({ id }) => id === 'w')?.connected).toBe(false)
    await clock.advance(4999)
    expect(await stored(place, 'a')).toMatchObject({ state: 'running', run: 0 })
    await clock.advance(1)
    expect((await other.task()).id).toBe('a')
    expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 1, runs: [{ outcome: 'lost', worker: 'w@127.0.0.1' }] })
    expect(place.gateway.sessions()).toHaveLength(1)
  })

  test('has no grace where there is none', async () => {
    const strict = await world.place({ grace: 0 })
    const [worker] = await atWork({}, strict)
    const other = await waiting(strict)
    worker.cut()
    expect((await other.task()).id).toBe('a')
  })

  test.each(['worker.leave', 'disconnect'])('has no grace when it took leave itself: %s', async (how) => {
    const [worker] = await atWork()
    const other = await waiting()
    if (how === 'disconnect') worker.close()
    else expect(await worker.ask('worker.leave', {})).toEqual({ running: 1 })
    expect((await other.task()).id).toBe('a')
  })

  test('comes back within the grace, and goes on with what it has', async () => {
    const [worker, { lease }] = await atWork()
    worker.cut()
    await away()
    await clock.advance(3000)
    const back = world.worker(place)
    const answer = await back.registerAs('w', {
      resume: [
        { id: 'a', lease: lease?.id },
        { id: 'gone', lease: 'run-0' },
      ],
    })
    expect(answer).toMatchObject({ resumed: ['a'], lost: ['gone'] })
    await clock.advance(10_000)
    expect(await back.ask('worker.task.done', { id: 'a', lease: lease?.id, success: true, results: 7 })).toEqual({ ok: true })
    expect(await result('a')).toMatchObject({ result: 7 })
    expect(await stored(place, 'a')).toMatchObject({ run: 0, lost: 0 })
  })

  test('comes back before the old socket is seen to be closed', async () => {
    const [, { lease }] = await atWork()
    const back = world.worker(place)
    expect(await back.registerAs('w', { resume: [{ id: 'a', lease: lease?.id }] })).toMatchObject({ resumed: ['a'] })
    await clock.advance(10_000)
    expect(place.gateway.sessions()).toMatchObject([{ connected: true, running: ['a'] }])
  })

  test('gets back what it never received', async () => {
    const [worker] = await atWork()
    worker.cut()
    await away()
    const back = world.worker(place)
    expect(await back.registerAs('w')).toMatchObject({ resumed: [] })
    expect(await back.task()).toMatchObject({ id: 'a', lease: { id: 'run-1' } })
    expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 0 })
  })

  test('gets back what another gateway gave it, and what never reached it', async () => {
    await place.broker.tasks.send([job('a'), job('b')])
    const holder = instanceHolder('w', 'i-w')
    const gave = { queues: ['w'], holder, worker: 'w@elsewhere', limit: 2, leaseMs: 30_000, waitMs: 0 }
    expect(await place.broker.desk?.claim(gave)).toHaveLength(2)
    const worker = world.worker(place)
    expect(await worker.registerAs('w', { capacity: 2, resume: [{ id: 'a', lease: 'run-0' }] })).toMatchObject({ resumed: ['a'] })
    expect(await worker.task()).toMatchObject({ id: 'b', lease: { id: 'run-1' } })
    expect(await stored(place, 'b')).toMatchObject({ run: 1, lost: 0 })
    expect(await stored(place, 'a')).toMatchObject({ run: 0 })
  })

  test('is forgotten after the grace when it could not be registered, and may come back at once', async () => {
    const broken = () => Promise.reject(new StoreError('STORE_CORRUPT', 'expected a readable row'))
    const admin = place.broker.admin as Admin
    const bad = await world.place({ admin: { get: (ids) => admin.get(ids), workers: () => admin.workers(), find: broken } })
    const worker = world.worker(bad, { reconnection: false })
    await expect(worker.registerAs('w')).rejects.toThrow('disconnected')
    // Not a word that would keep it away: `forbidden`, or a disconnect by the server.
    expect(await worker.next('disconnect')).toEqual(['transport close'])
    await clock.advance(5000)
    await expect.poll(() => bad.gateway.sessions()).toEqual([])
  })

  test('comes back too late: its result counts no more', async () => {
    const [worker, { lease }] = await atWork()
    worker.cut()
    await away()
    await clock.advance(5000)
    const back = world.worker(place)
    expect(await back.registerAs('v', { instance: 'i-w', queues: ['w'], resume: [{ id: 'a', lease: lease?.id }] })).toMatchObject(
      {
        lost: ['a'],
      },
    )
    expect(await back.ask('worker.task.done', { id: 'a', lease: lease?.id, success: true })).toEqual({ ok: false, code: 'lost' })
  })
})

describe('a worker of L0 that comes back under its id', () => {
  test('after it went mute goes on with what it has', async () => {
    const quick = await world.place({ ping: { interval: '300ms', timeout: '500ms' } })
    const worker = await world.worker(quick, { reconnection: false }).register('w')
    await quick.broker.tasks.send([job('a')])
    await worker.task()
    worker.freeze()
    await away(quick)
    const back = await world.worker(quick).register('w')
    await clock.advance(60_000)
    expect(quick.gateway.sessions()).toMatchObject([{ connected: true, running: ['a'] }])
    back.done('a', 'after all')
    expect(await result('a')).toMatchObject({ result: 'after all' })
    expect(await stored(quick, 'a')).toMatchObject({ run: 0, lost: 0 })
  })

  test('after its connection was closed may have died: its task is elsewhere after the grace, but for its result', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a')])
    await worker.task()
    worker.cut()
    await away()
    const back = await world.worker(place).register('w')
    await clock.advance(5000)
    expect((await back.task()).id).toBe('a')
    expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 1 })
  })

  test('is paused no more when it was away for long', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a', { retryLimit: 0 })])
    worker.fail((await worker.task()).id, 'broken')
    await worker.next('worker.error')
    worker.close()
    await away()
    await clock.advance(9000)
    const soon = await world.worker(place).register('w')
    expect(String((await soon.next('worker.error'))[0])).toContain('paused')
    soon.close()
    await away()
    await clock.advance(10_000)
    await world.worker(place).register('w')
    expect(place.gateway.sessions()[0]?.paused).toBeUndefined()
  })
})

describe('a new start of a worker', () => {
  test('takes the place of one that is gone, whose tasks are elsewhere at once', async () => {
    const [worker] = await atWork()
    worker.cut()
    await away()
    const next = world.worker(place)
    await next.registerAs('w', { instance: 'another' })
    expect((await next.task()).id).toBe('a')
  })

  test('sends one away that is there, which may not come back', async () => {
    const [worker, { lease }] = await atWork()
    const next = world.worker(place)
    await next.registerAs('w', { instance: 'another' })
    expect(await worker.next('worker.error')).toEqual(['replaced by a newer instance'])
    expect(await worker.next('disconnect')).toEqual(['io server disconnect'])
    await clock.advance(5000)
    expect((await next.task()).id).toBe('a')
    expect(await next.ask('worker.task.done', { id: 'a', lease: lease?.id, success: true })).toMatchObject({ code: 'lost' })
  })
})

describe('while a task runs', () => {
  test('its cancellation reaches the worker, which keeps its place until it answers', async () => {
    const [worker, { lease }] = await atWork()
    await place.broker.tasks.send([job('b')])
    expect(await place.broker.tasks.cancel(['a'])).toEqual([true])
    expect(await worker.next('worker.cancel')).toEqual([{ id: 'a', reason: 'cancelled' }])
    expect((await stored(place, 'b')).state).toBe('pending')
    const frame = { id: 'a', lease: lease?.id, success: false, results: 'cancelled' }
    expect(await worker.ask('worker.task.fail', frame)).toEqual({ ok: false, code: 'lost' })
    expect((await worker.task()).id).toBe('b')
    expect(await stored(place, 'a')).toMatchObject({ state: 'exception', reason: 'cancelled' })
  })

  test('a worker that does not answer its cancellation is waited for no longer than 10 s', async () => {
    const [worker] = await atWork()
    await place.broker.tasks.send([job('b')])
    await place.broker.tasks.cancel(['a'])
    await worker.next('worker.cancel')
    await clock.advance(10_000)
    expect((await worker.task()).id).toBe('b')
  })

  test('leases are renewed for all runs of a worker, as long as it says that it lives', async () => {
    const [worker, { lease }] = await atWork()
    for (let i = 0; i < 10; i++) {
      await clock.advance(10_000)
      const answer = await worker.ask('worker.task.heartbeat', { id: 'a', lease: lease?.id })
      expect(answer).toEqual({ ok: true, expires: new Date(clock.now() + 30_000).toJSON() })
    }
    expect(await stored(place, 'a')).toMatchObject({ state: 'running', run: 0, takenUntil: clock.now() + 30_000 })
    const other = await waiting()
    await clock.advance(30_000)
    expect(await worker.next('worker.cancel')).toEqual([{ id: 'a', reason: 'lost' }])
    expect((await other.task()).id).toBe('a')
    expect(await worker.ask('worker.task.heartbeat', { id: 'a', lease: lease?.id })).toEqual({ ok: false, code: 'lost' })
    expect(await stored(place, 'a')).toMatchObject({ lost: 1, runs: [{ outcome: 'expired' }] })
  })

  test('a task of a worker that gives no heartbeats is elsewhere after 15 minutes', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a')])
    await worker.task()
    await clock.advance('14 minutes')
    expect(await stored(place, 'a')).toMatchObject({ state: 'running', run: 0 })
    await clock.advance('1 minute')
    expect(await worker.task()).toMatchObject({ id: 'a' })
    expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 1, runs: [{ outcome: 'expired' }] })
  })

  test('it may take as long as its sender allows', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a', { timeoutMs: 2500, retryLimit: 0 })])
    await worker.task()
    await clock.advance(2500)
    expect(await result('a')).toMatchObject({ state: 'failed', failure: { code: 'TIMEOUT' } })
    expect(await stored(place, 'a')).toMatchObject({ reason: 'timeout' })
  })

  test('a lease that was lost unheard is found at the next renewal', async () => {
    const [worker] = await atWork()
    const [task] = (await place.broker.admin?.get(['a'])) ?? []
    await place.broker.desk?.settle(task as never, { type: 'released', delayMs: 60_000 })
    await clock.advance(10_000)
    expect(await worker.next('worker.cancel')).toEqual([{ id: 'a', reason: 'lost' }])
  })

  test('progress is kept with the task, ten of it in a second', async () => {
    const [worker, { lease }] = await atWork()
    for (let percent = 1; percent <= 20; percent++) {
      worker.socket.emit('worker.task.progress', { id: 'a', lease: lease?.id, percent, message: `step ${percent}` })
    }
    await worker.ask('worker.task.done', { id: 'a', lease: lease?.id, success: true })
    expect((await stored(place, 'a')).progress).toBe('{"percent":10,"message":"step 10"}')
    const lines = (await place.broker.admin?.logs('a')) ?? []
    expect(lines.map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, n) => `step ${n + 1}`))
  })

  test('its worker may ask for no more, and say how many more it takes', async () => {
    const [worker, { lease }] = await atWork({ capacity: 3 })
    worker.socket.emit('worker.capacity', { free: 1 })
    await worker.ask('worker.task.heartbeat', { id: 'a', lease: lease?.id })
    expect(place.gateway.sessions()).toMatchObject([{ capacity: 2, running: ['a'] }])
    expect(await worker.ask('worker.drain', {})).toEqual({ running: 1 })
    await place.broker.tasks.send([job('b')])
    worker.done('a')
    await result('a')
    expect((await stored(place, 'b')).state).toBe('pending')
    expect(place.gateway.sessions()).toMatchObject([{ draining: true }])
  })
})

describe('the end of a gateway', () => {
  test('waits for what runs, and sends workers of L0 to the next one', async () => {
    const draining = await world.place({ drain: '10s' })
    const worker = await world.worker(draining, { reconnection: false }).register('w')
    await draining.broker.tasks.send([job('a')])
    await worker.task()
    const closed = draining.gateway.close()
    expect(await worker.next('worker.error')).toEqual(['this server is shutting down'])
    await draining.broker.tasks.send([job('b')])
    worker.done('a', 'in time')
    await within(closed, 'the gateway to close')
    expect(await worker.next('disconnect')).toEqual(['transport close'])
    expect(await result('a')).toMatchObject({ result: 'in time' })
    expect((await stored(place, 'b')).state).toBe('pending')
  })

  test('leaves what still runs to its worker, which takes it up at another gateway', async () => {
    const other = await world.place()
    const [worker, { lease }] = await atWork()
    worker.socket.io.reconnection(false)
    await clock.advance(9000)
    const closed = place.gateway.close()
    expect(await worker.next('worker.drain')).toEqual([{ reason: 'this server is shutting down' }])
    await closed
    expect(await worker.next('disconnect')).toEqual(['transport close'])
    expect((await stored(other, 'a')).takenUntil).toBe(clock.now() + 30_000)
    const back = world.worker(other)
    expect(await back.registerAs('w', { resume: [{ id: 'a', lease: lease?.id }] })).toMatchObject({ resumed: ['a'], lost: [] })
    for (let i = 0; i < 4; i++) {
      await clock.advance(10_000)
      await back.ask('worker.task.heartbeat', { id: 'a', lease: lease?.id })
    }
    expect(await back.ask('worker.task.done', { id: 'a', lease: lease?.id, success: true, results: 1 })).toEqual({ ok: true })
    expect(await stored(other, 'a')).toMatchObject({ state: 'completed', run: 0 })
  })

  test('does not keep results of L0 from counting, which another gateway hears', async () => {
    const other = await world.place()
    const worker = await world.worker(place, { reconnection: false }).register('w')
    await place.broker.tasks.send([job('a')])
    await worker.task()
    await place.gateway.close()
    const back = world.worker(other, {}, [(socket) => socket.emit('worker.task.done', { id: 'a', success: true, results: 1 })])
    await back.register('w')
    await expect.poll(async () => (await stored(other, 'a')).state).toBe('completed')
    expect(await stored(other, 'a')).toMatchObject({ run: 0 })
  })

  test('does not end pauses: another gateway knows them', async () => {
    const other = await world.place()
    await world.worker(place).registerAs('w')
    await place.gateway.pause('w', { reason: 'upgrade' })
    const back = world.worker(other)
    expect(await back.registerAs('w')).toMatchObject({ paused: { reason: 'upgrade' } })
  })
})
