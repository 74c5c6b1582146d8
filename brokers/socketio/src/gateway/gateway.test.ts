/** The gateway and real socket.io clients: registration, tasks, results, failures and pauses, on both levels. */
import type { AddressInfo } from 'node:net'
import type { ManualClock } from '@lovage/testing'
import { Server } from 'socket.io'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type GatewayWorld, job, openWorld, type Place, stored, within } from './fixtures/gateway-world.ts'
import { createGateway } from './gateway.ts'

let clock: ManualClock
let world: GatewayWorld
let place: Place
beforeEach(async () => {
  ;({ clock, world, place } = await openWorld())
})
afterEach(() => world.close())

const result = (id: string) => within(place.broker.results.wait(id), `the result of ${id}`)

describe('a worker of L0', () => {
  test('registers, gets a task and completes it', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a')])
    expect(await worker.task()).toEqual({ id: 'a', properties: { of: 'a' } })
    expect(await stored(place, 'a')).toMatchObject({ state: 'running', worker: 'w@127.0.0.1', startedAt: clock.now() })
    worker.done('a', { sum: 3 })
    expect(await result('a')).toMatchObject({ state: 'completed', result: { sum: 3 } })
  })

  test('gets one at a time, in turn', async () => {
    await place.broker.tasks.send([job('a'), job('b')])
    const worker = await world.worker(place).register('w')
    expect((await worker.task()).id).toBe('a')
    expect((await stored(place, 'b')).state).toBe('pending')
    worker.done('a')
    expect((await worker.task()).id).toBe('b')
  })

  test.each(['polling', 'websocket'])('works over %s alone, in a namespace of its own', async (transport) => {
    const worker = await world.worker({ url: `${place.url}/workers` }, { transports: [transport] }).register('w')
    await place.broker.tasks.send([job('a')])
    worker.done((await worker.task()).id, 1)
    expect(await result('a')).toMatchObject({ result: 1 })
  })

  test('that resolves without success fails the task for good, and goes on', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a', { retryLimit: 3 }), job('b')])
    worker.done((await worker.task()).id, 'nothing found', false)
    expect(await result('a')).toMatchObject({ state: 'failed', failure: { name: 'Unsuccessful', message: 'nothing found' } })
    expect((await worker.task()).id).toBe('b')
  })

  test('that rejects is paused for 15 minutes, and the task is tried elsewhere', async () => {
    const broken = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a')])
    broken.fail((await broken.task()).id, 'no disk')
    expect(String((await broken.next('worker.error'))[0])).toMatch(/^paused until 2027-01-01T00:15:00.000Z: no disk$/)
    expect(place.gateway.sessions()).toMatchObject([{ id: 'w', paused: { reason: 'no disk', count: 1 }, running: [] }])
    const other = world.worker(place)
    expect(await other.registerAs('other', { queues: ['w'] })).toMatchObject({ ok: true })
    await clock.advance(1000)
    expect(await other.task()).toMatchObject({ id: 'a', attempt: 2, maxAttempts: 5 })
    expect(await stored(place, 'a')).toMatchObject({ run: 1, runs: [{ outcome: 'retried', failure: { message: 'no disk' } }] })
    other.done('a')
    await result('a')
    await other.ask('worker.leave', {})
    await place.broker.tasks.send([job('b')])
    await clock.advance(898_000)
    expect((await stored(place, 'b')).state).toBe('pending')
    await clock.advance(1000)
    expect((await broken.task()).id).toBe('b')
  })

  test('is told what was wrong with its frames', async () => {
    const worker = world.worker(place)
    await worker.next('connect')
    worker.socket.emit('worker.connect', 'two words')
    expect(String((await worker.next('worker.error'))[0])).toContain('without spaces')
    worker.socket.emit('worker.connect', 'w')
    await worker.next('worker.connect')
    worker.done('never-sent')
    expect(String((await worker.next('worker.error'))[0])).toContain('no such task')
    await place.broker.tasks.send([job('a')])
    await worker.task()
    worker.socket.emit('worker.task.done', { id: 'a', success: 'yes' })
    expect(String((await worker.next('worker.error'))[0])).toContain('`success`')
    await expect.poll(async () => (await stored(place, 'a')).runs).toMatchObject([{ failure: { code: 'PROTOCOL_INVALID' } }])
  })

  test('brings a result before it registers', async () => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a')])
    await worker.task()
    worker.cut()
    await worker.next('disconnect')
    const back = world.worker(place, {}, [
      (socket) => socket.emit('worker.task.done', { id: 'a', success: true, results: 'late' }),
    ])
    await back.register('w')
    expect(await result('a')).toMatchObject({ state: 'completed', result: 'late' })
    await clock.advance(10_000)
    expect(await stored(place, 'a')).toMatchObject({ state: 'completed', run: 0, lost: 0 })
  })

  test('whose result comes, and who never registers, is refused after 5 s', async () => {
    const worker = world.worker(place)
    await worker.next('connect')
    const answer = worker.ask('worker.task.done', { id: 'a', success: true })
    // What comes behind it has been answered: it is held.
    await worker.ask('worker.drain', {})
    await clock.advance(5000)
    expect(await answer).toMatchObject({ ok: false, code: 'unknown' })
  })

  test('twice under one id is two places', async () => {
    const one = await world.worker(place).register('w')
    const other = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a'), job('b')])
    const ids = [(await one.task()).id, (await other.task()).id]
    expect(ids.sort()).toEqual(['a', 'b'])
    expect(place.gateway.sessions()).toHaveLength(2)
  })
})

describe('what a task says', () => {
  test.each([
    ['no input', { input: undefined }, {}],
    ['named arguments', { input: undefined, kwargs: { x: 1 } }, { x: 1 }],
  ])('%s becomes properties', async (_, fields, properties) => {
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('a', fields)])
    expect((await worker.task()).properties).toEqual(properties)
  })

  test.each([
    ['a text', { input: 'x' }],
    ['a list', { input: [1] }],
    ['positional arguments', { input: undefined, args: [1, 2] }],
    ['too much', { input: { x: 'x'.repeat(1_100_000) } }],
  ])('%s is malformed, for there is no place for it in properties', async (_, fields) => {
    await world.worker(place).register('w')
    await place.broker.tasks.send([job('a', fields)])
    const { state, reason, failure } = await result('a')
    expect([state, reason, failure?.name]).toEqual(['exception', 'malformed-payload', 'InvalidInput'])
    expect(failure?.message).toMatch(/^expected .*takes an object/)
  })
})

describe('a worker of L1', () => {
  test('gets as many tasks as it has room for, with their leases', async () => {
    await place.broker.tasks.send(['a', 'b', 'c'].map((id) => job(id)))
    const worker = world.worker(place)
    const answer = await worker.registerAs('w', { capacity: 2 })
    expect(answer).toMatchObject({
      ok: true,
      protocol: 1,
      leaseMs: 30_000,
      heartbeatMs: 10_000,
      resumed: [],
      lost: [],
      paused: null,
    })
    await worker.next('worker.connect')
    const [a, b] = [await worker.task(), await worker.task()]
    expect([a.id, b.id]).toEqual(['a', 'b'])
    expect(a).toMatchObject({ queue: 'w', attempt: 1, maxAttempts: 5, lease: { expires: '2027-01-01T00:00:30.000Z' } })
    expect((await stored(place, 'c')).state).toBe('pending')
    expect(await worker.ask('worker.task.done', { id: 'a', lease: a.lease?.id, success: true, results: 1 })).toEqual({ ok: true })
    expect((await worker.task()).id).toBe('c')
    const again = await worker.ask('worker.task.done', { id: 'a', lease: a.lease?.id, success: true, results: 2 })
    expect(again).toEqual({ ok: false, code: 'duplicate' })
    expect(await result('a')).toMatchObject({ result: 1 })
  })

  test('has its task taken back when it does not say within 5 s that it takes it', async () => {
    const mute = world.worker(place)
    mute.answer = undefined
    await mute.registerAs('w')
    await place.broker.tasks.send([job('a')])
    await mute.task()
    const other = world.worker(place)
    await other.registerAs('other', { queues: ['w'] })
    await clock.advance(5000)
    expect(await mute.next('worker.cancel')).toEqual([{ id: 'a', reason: 'not acknowledged in time' }])
    expect((await other.task()).id).toBe('a')
    expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 0, retries: 0 })
  })

  test('that finds the properties invalid fails the task for good, without a pause', async () => {
    const worker = world.worker(place)
    worker.answer = { accepted: false, code: 'invalid', message: 'expected `x`' }
    await worker.registerAs('w')
    await place.broker.tasks.send([job('a')])
    expect(await result('a')).toMatchObject({ reason: 'malformed-payload', failure: { message: 'expected `x`' } })
    expect(place.gateway.sessions()).toMatchObject([{ running: [] }])
    expect(place.gateway.sessions()[0]?.paused).toBeUndefined()
  })

  test('that is busy leaves the task to others', async () => {
    const busy = world.worker(place)
    busy.answer = { accepted: false, code: 'busy' }
    await busy.registerAs('w')
    await place.broker.tasks.send([job('a')])
    await busy.task()
    const other = world.worker(place)
    await other.registerAs('other', { queues: ['w'] })
    expect((await other.task()).id).toBe('a')
  })

  test('says with a failure whether to try again, and whether it is broken', async () => {
    const worker = world.worker(place)
    await worker.registerAs('w')
    await place.broker.tasks.send([job('a'), job('b')])
    const { lease } = await worker.task()
    const frame = { id: 'a', lease: lease?.id, success: false, results: 'no', retry: false, pause: false }
    expect(await worker.ask('worker.task.fail', frame)).toEqual({ ok: true })
    expect(await result('a')).toMatchObject({ state: 'failed', failure: { message: 'no' } })
    expect((await worker.task()).id).toBe('b')
  })

  test('is told of its pause, and its end by an operator', async () => {
    const worker = world.worker(place)
    await worker.registerAs('w')
    await place.gateway.pause('w', { duration: '1 hour', reason: 'upgrade' })
    expect(await worker.next('worker.pause')).toEqual([{ until: '2027-01-01T01:00:00.000Z', reason: 'upgrade' }])
    await place.broker.tasks.send([job('a')])
    expect(await place.gateway.resume('w')).toBe(true)
    await worker.next('worker.resume')
    expect((await worker.task()).id).toBe('a')
    expect(await place.gateway.resume('w')).toBe(false)
  })

  test('starts anew without the pause of its last start, and keeps it otherwise', async () => {
    const first = world.worker(place)
    await first.registerAs('w')
    await place.broker.tasks.send([job('a', { retryLimit: 0 })])
    first.fail((await first.task()).id, 'broken')
    await first.next('worker.pause')
    await result('a')
    first.close()
    await first.next('disconnect')
    const same = world.worker(place)
    expect(await same.registerAs('w')).toMatchObject({ paused: { reason: 'broken' } })
    same.close()
    await same.next('disconnect')
    expect(await world.worker(place).registerAs('w', { instance: 'another' })).toMatchObject({ paused: null })
  })

  test('is refused for what it says of itself', async () => {
    const worker = world.worker(place)
    expect(await worker.registerAs('w', { capacity: -1 })).toMatchObject({ ok: false, code: 'bad-request' })
    expect(await worker.registerAs('w', {})).toMatchObject({ ok: true })
    expect(await worker.registerAs('v', {})).toMatchObject({ ok: false, code: 'duplicate-id' })
  })
})

describe('options', () => {
  test.each([
    ['a broker without a desk', { desk: undefined }, 'UNSUPPORTED'],
    ['a lease of no length', { lease: 10 }, 'OPTION_INVALID'],
    ['a misspelt option', { graze: '5s' }, 'OPTION_INVALID'],
    ['retries that there are not', { retry: { times: 3 } as object }, 'OPTION_INVALID'],
  ])('%s is refused', (_, options, code) => {
    const { desk, admin } = place.broker
    expect(() => createGateway({ server: place.server, desk, admin, ...options })).toThrow(expect.objectContaining({ code }))
  })

  test('a socket.io server of the program’s own serves, unless it adds arguments to events', async () => {
    const { desk, admin } = place.broker
    const recovering = new Server({ connectionStateRecovery: {} })
    expect(() => createGateway({ server: recovering, desk, admin })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    const io = new Server(0, { path: '/own' })
    const gateway = createGateway({ server: io, desk, admin, clock, drain: 0, anonymous: true })
    const { port } = io.httpServer.address() as AddressInfo
    const worker = world.worker({ url: `http://127.0.0.1:${port}` }, { path: '/own', reconnection: false })
    await worker.register('w')
    await place.broker.tasks.send([job('a')])
    worker.done((await worker.task()).id, 1)
    expect(await result('a')).toMatchObject({ result: 1 })
    await gateway.close()
    expect(await worker.next('disconnect')).toEqual(['transport close'])
    await io.close()
  })
})
