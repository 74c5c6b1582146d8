/** Pauses that operators begin and end, at this gateway, at another, or from a process that has none. */
import { type ManualClock, manualClock } from '@lovage/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayWorld, job, type Place, stored } from './fixtures/gateway-world.ts'
import { type WorkerPauses, workerPauses } from './worker-pauses.ts'

let clock: ManualClock
let world: GatewayWorld
let place: Place
let pauses: WorkerPauses
beforeEach(async () => {
  clock = manualClock()
  world = new GatewayWorld(undefined, clock)
  const { broker } = await world.place()
  pauses = workerPauses(broker)
  place = await world.place({ events: broker.events })
})
afterEach(() => world.close())

test('begin and end from elsewhere, at once', async () => {
  const worker = world.worker(place)
  await worker.registerAs('w')
  const until = '2027-01-01T01:00:00.000Z'
  expect(await pauses.pause('w', { duration: '1 hour', reason: 'upgrade' })).toMatchObject({ id: 'w', reason: 'upgrade' })
  expect(await worker.next('worker.pause')).toEqual([{ until, reason: 'upgrade' }])
  expect(await pauses.list()).toEqual([{ id: 'w', until: new Date(until), reason: 'upgrade', count: 1 }])
  await place.broker.tasks.send([job('a')])
  await clock.advance(30_000)
  expect(await stored(place, 'a')).toMatchObject({ state: 'pending' })
  expect(await pauses.resume('w')).toBe(true)
  expect(await worker.next('worker.resume')).toEqual([{}])
  expect(await worker.task()).toMatchObject({ id: 'a' })
  expect(await pauses.resume('w')).toBe(false)
  expect(await pauses.list()).toEqual([])
})

test('of workers that broke are listed, and ended from elsewhere', async () => {
  const worker = await world.worker(place).register('w')
  await place.broker.tasks.send([job('a', { retryLimit: 0 })])
  worker.fail((await worker.task()).id, 'no disk')
  await expect.poll(() => pauses.list()).toMatchObject([{ id: 'w', reason: 'no disk', count: 1 }])
  await pauses.resume('w')
  await expect.poll(() => place.gateway.sessions()[0]?.paused).toBeUndefined()
  await place.broker.tasks.send([job('b')])
  expect(await worker.task()).toMatchObject({ id: 'b' })
})

test('are found without a word within a third of the lease', async () => {
  const deaf = await world.place()
  const worker = world.worker(deaf)
  await worker.registerAs('w')
  await pauses.pause('w')
  await clock.advance(10_000)
  expect(await worker.next('worker.pause')).toEqual([expect.objectContaining({ reason: 'paused by an operator' })])
  await pauses.resume('w')
  await clock.advance(10_000)
  expect(await worker.next('worker.resume')).toEqual([{}])
})

test('hold for a worker that comes later, and through its new starts', async () => {
  await pauses.pause('w', { duration: '1 minute' })
  const first = world.worker(place)
  expect(await first.registerAs('w')).toMatchObject({ paused: { reason: 'paused by an operator' } })
  await first.ask('worker.leave')
  expect(await world.worker(place).registerAs('w', { instance: 'another' })).toMatchObject({ paused: { reason: /operator/ } })
  await clock.advance(60_000)
  await expect.poll(() => place.gateway.sessions()[0]?.paused).toBeUndefined()
  expect(await pauses.list()).toEqual([])
})

test.each([
  [{ id: 'two words' }, 'NAME_INVALID'],
  [{ duration: 'long' }, 'DURATION_INVALID'],
  [{ why: 'x' }, 'OPTION_INVALID'],
])('with %j are refused', async ({ id = 'w', ...options }: Record<string, string>, code) => {
  await expect(pauses.pause(id, options as object)).rejects.toMatchObject({ code })
})

test('are refused by a broker that keeps nothing', () => {
  expect(() => workerPauses({ desk: undefined })).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
})

test('that were ended elsewhere do not come back with a worker that leaves before that is heard of', async () => {
  const deaf = await world.place()
  const worker = await world.worker(deaf).register('w')
  await deaf.broker.tasks.send([job('a', { retryLimit: 0 })])
  worker.fail((await worker.task()).id, 'no disk')
  await expect.poll(() => pauses.list()).toMatchObject([{ id: 'w' }])
  await pauses.resume('w')
  worker.close()
  await expect.poll(() => deaf.gateway.sessions()).toEqual([])
  await deaf.gateway.close()
  expect(await pauses.list()).toEqual([])
})

test('of workers that never come back are forgotten when they are over', async () => {
  const worker = await world.worker(place).register('w')
  await place.broker.tasks.send([job('a', { retryLimit: 0 })])
  worker.fail((await worker.task()).id, 'no disk')
  await expect.poll(() => pauses.list()).toMatchObject([{ id: 'w' }])
  worker.close()
  await expect.poll(() => place.gateway.sessions()).toEqual([])
  await world.worker(place).register('other')
  await clock.advance('16 minutes')
  await expect.poll(() => place.broker.desk?.records.list('socketio-pause')).toEqual([])
})

test('that were made longer elsewhere are not ended by a gateway that has not heard of it', async () => {
  const deaf = await world.place({ events: undefined })
  await pauses.pause('w', { duration: '1s' })
  const worker = world.worker(deaf)
  await worker.registerAs('w')
  await pauses.pause('w', { duration: '1 hour', reason: 'new disk' })
  await clock.advance(1000)
  expect(await pauses.list()).toMatchObject([{ id: 'w', reason: 'new disk' }])
  expect(await worker.next('worker.pause')).toEqual([expect.objectContaining({ reason: 'new disk' })])
})
