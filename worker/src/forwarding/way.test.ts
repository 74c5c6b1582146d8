/** What waits for another broker, or for one queue of it: it can be withdrawn, and keeps nobody from going. */
import { ConfigError, StoreError } from '@lovage/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { Road } from './fixtures/road.ts'

const away = new StoreError('STORE_UNAVAILABLE', 'nobody is there')

let road: Road
beforeEach(async () => {
  road = await new Road().open()
})

const put = async (count: number, queue: string): Promise<readonly string[]> => {
  const ids = Array.from({ length: count }, (_, n) => `${queue}${n}`)
  for (const id of ids) await road.from.send('job', null, { id, queue, retryLimit: 0, lostLimit: 0 })
  return ids
}
const states = (ids: readonly string[]) => Promise.all(ids.map(async (id) => (await road.left(id))?.state))
const count = async (ids: readonly string[], state: string) => (await states(ids)).filter((each) => each === state).length

describe('a send that waits for the other broker', () => {
  beforeEach(() => {
    road.isStuck = true
    road.waits = true
  })

  it('is withdrawn when its task is cancelled, lost or late', async () => {
    const cancelled = await road.from.send('job', null, { id: 'cancelled' })
    await road.from.send('job', null, { id: 'late', deadline: '3s' })
    await road.from.send('job', null, { id: 'lost', lostLimit: 0 })
    await road.start()
    expect(road.sends).toBe(3)
    await cancelled.cancel('enough')
    const [worker] = (await road.from.admin?.workers()) ?? []
    await road.from.desk?.lose(worker?.holder ?? '', road.clock.now())
    await road.clock.advance('3s')
    road.clear()
    await road.clock.advance('1m')
    expect([await road.arrived('cancelled'), await road.arrived('late')]).toEqual([undefined, undefined])
    expect(await road.left('cancelled')).toMatchObject({ reason: 'cancelled' })
    expect(await road.left('late')).toMatchObject({ reason: 'deadline-exceeded' })
    expect(await road.left('lost')).toMatchObject({ state: 'completed' })
    // Two were sent again by the runs that followed those that were lost.
    expect(road.sends).toBe(5)
  })

  it('is told after 5 s, and only few go on waiting: the others are for whoever can send them', async () => {
    const ids = await put(100, 'default')
    const since = road.clock.now()
    const forwarder = await road.start({ concurrency: 50 })
    expect(await count(ids, 'running')).toBe(50)
    await road.clock.advance('4900ms')
    expect(road.told).toEqual([])
    await road.clock.advance('100ms')
    expect(road.told).toEqual(['warn tasks wait here until they are taken there'])
    expect(forwarder.pool.describe()).toMatchObject({ away: since })
    await road.clock.advance('1h')
    expect([await count(ids, 'running'), await count(ids, 'pending')]).toEqual([3, 97])
    road.clear()
    await road.clock.advance('10s')
    expect(await count(ids, 'completed')).toBe(100)
    expect(road.told.slice(1)).toEqual(['info tasks are taken there again'])
    expect(road.sends).toBe(100 + 47)
  })

  it('that cannot be withdrawn any more is waited for, so that it is not sent twice', async () => {
    road.waits = false
    const ids = await put(20, 'default')
    await road.start({ concurrency: 10 })
    await road.clock.advance('1h')
    expect([await count(ids, 'running'), road.sends]).toEqual([10, 10])
    road.clear()
    await road.clock.advance('10s')
    expect([await count(ids, 'completed'), road.sends]).toEqual([20, 20])
  })

  it('is no word on others that are taken', async () => {
    await road.from.send('odd', null, { id: 'odd' })
    await road.start()
    road.isStuck = false
    for (let n = 0; n < 60; n++) {
      await road.from.send('job', null, { id: `t${n}` })
      await road.clock.advance('1s')
    }
    expect(road.told).toEqual([])
    expect(await road.left('t59')).toMatchObject({ state: 'completed' })
  })
})

describe('a queue there that takes nothing', () => {
  const noPermission = new StoreError('STORE_UNAVAILABLE', 'access refused', { retryable: false })
  it.each([away, noPermission, new ConfigError('QUEUE_MISMATCH', 'it is there as another')])(
    'keeps none of the others from going, however much there is for it: $message',
    async (trouble) => {
      road.trouble = trouble
      road.troubledQueue = 'full'
      const stuck = await put(300, 'full')
      await road.start({ queues: ['full', 'default'], concurrency: 20 })
      const others = await put(200, 'default')
      await road.clock.advance('1s')
      expect(await count(others, 'completed')).toBe(200)
      expect(await count(stuck, 'running')).toBe(trouble === noPermission ? 0 : 2)
      await road.clock.advance('10m')
      road.trouble = undefined
      await road.clock.advance('1m')
      expect(await count(stuck, 'completed')).toBe(300)
      expect(road.told).toEqual(['warn tasks wait here until they are taken there', 'info tasks are taken there again'])
    },
  )

  it('is tried by others when those who tried it are cancelled', async () => {
    road.trouble = away
    const ids = await put(30, 'default')
    await road.start({ concurrency: 10 })
    await road.clock.advance('1m')
    const running = (await road.from.find({ states: ['running'] })).tasks.map(({ id }) => id)
    expect(running).toHaveLength(1)
    await road.from.cancel(running)
    road.trouble = undefined
    await road.clock.advance('10s')
    expect(await count(ids, 'completed')).toBe(29)
  })

  it('is tried by others when it keeps refusing a few, whose list of it may be another', async () => {
    road.trouble = noPermission
    road.troubledTask = 'odd'
    for (let n = 0; n < 2; n++) await road.from.send('odd', null, { id: `odd${n}`, priority: 'high' })
    const ids = await put(50, 'default')
    await road.start({ concurrency: 10 })
    await road.clock.advance('5m')
    expect(await count(ids, 'completed')).toBe(50)
  })

  it('keeps its tasks of one kind from none of another, however many they are', async () => {
    road.trouble = noPermission
    road.troubledTask = 'odd'
    for (let n = 0; n < 200; n++) await road.from.send('odd', null, { id: `odd${n}`, priority: 'high' })
    const ids = await put(50, 'default')
    await road.start({ concurrency: 10 })
    await road.clock.advance('5m')
    expect(await count(ids, 'completed')).toBe(50)
    // The others come and go meanwhile: it is told once.
    expect(road.told).toEqual(['warn tasks wait here until they are taken there'])
    road.trouble = undefined
    await road.clock.advance('2m')
    expect(road.told.slice(1)).toEqual(['info tasks are taken there again'])
    expect(await states(['odd0', 'odd199'])).toEqual(['completed', 'completed'])
  })

  it.each([1, 2, 10])('and any number of others like it leave places for those that take something: %i', async (concurrency) => {
    road.trouble = away
    const closed = [...'abcdefghijkl']
    road.troubledQueue = closed
    const stuck = (await Promise.all(closed.map((queue) => put(20, queue)))).flat()
    await road.start({ queues: [...closed, 'default'], concurrency })
    await road.clock.advance('1m')
    const others = await put(50, 'default')
    await road.clock.advance('1m')
    expect(await count(others, 'completed')).toBe(50)
    road.trouble = undefined
    await road.clock.advance('2m')
    expect(await count(stuck, 'completed')).toBe(stuck.length)
    // Each is told once.
    expect(road.told).toHaveLength(2 * closed.length)
  })

  it('keeps all back where all go to one', async () => {
    road.trouble = away
    const ids = [...(await put(40, 'a')), ...(await put(40, 'b'))]
    await road.start({ queues: ['a', 'b'], toQueue: 'celery', concurrency: 40 })
    await road.clock.advance('1m')
    expect([await count(ids, 'running'), await count(ids, 'pending')]).toEqual([3, 77])
    road.trouble = undefined
    await road.clock.advance('10s')
    expect(await count(ids, 'completed')).toBe(80)
  })
})
