/** A forwarder between two queues in memory, on a clock moved by hand. */
import { BugError, ConfigError, defineTask, StoreError, silentLogger } from '@lovage/core'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { Worker } from '../worker.ts'
import { Road } from './fixtures/road.ts'
import { createForwarder, type ForwarderOptions } from './forwarder.ts'

const away = new StoreError('STORE_UNAVAILABLE', 'nobody is there')

let road: Road
beforeEach(async () => {
  road = await new Road().open()
})

describe('a forwarder', () => {
  it('carries all that a task says under its id, whatever its name, and says where it went', async () => {
    const options = {
      id: 't1',
      args: [1, 'two'],
      kwargs: { three: 3 },
      headers: { h: 1 },
      priority: 'high',
      retryLimit: 7,
    } as const
    const limits = { lostLimit: 0, timeout: '1m', deadline: '1h', parent: 'p', flow: 'f', key: 'k', queue: 'reports' } as const
    await road.from.send('no.one.knows', { in: 'put' }, { ...options, ...limits })
    await road.from.send('nothing', null, { id: 't2', queue: 'reports' })
    await road.start({ queues: ['reports'] })
    expect(await road.arrived('t1')).toMatchObject({
      name: 'no.one.knows',
      queue: 'reports',
      priority: 5,
      input: '{"in":"put"}',
      retryLimit: 7,
      lostLimit: 0,
      deadline: road.clock.now() + 3_600_000,
      key: 'k',
      extras: { args: [1, 'two'], kwargs: { three: 3 }, headers: { h: 1 }, timeoutMs: 60_000, parent: 'p', flow: 'f' },
    })
    expect(await road.arrived('t2')).toMatchObject({ input: 'null', extras: { nullInput: true } })
    expect(await road.left('t1')).toMatchObject({ state: 'completed', result: '{"forwarded":"mem://there"}', run: 0, retries: 0 })
  })

  it('sends to one queue if it is told so, and says which task stands for one whose key is taken', async () => {
    const first = await road.there.send('once', 1, { key: 'k' })
    await road.from.send('once', 1, { id: 'second', key: 'k' })
    await road.from.send('free', 1, { id: 'free' })
    await road.start({ toQueue: 'celery' })
    expect(await road.arrived('free')).toMatchObject({ queue: 'celery' })
    expect(await road.left('second')).toMatchObject({
      result: JSON.stringify({ forwarded: 'mem://there', id: first.id, existing: true }),
    })
  })

  it('says that nothing was sent where the task was there already', async () => {
    await road.there.send('job', 1, { id: 't1' })
    await road.from.send('job', 1, { id: 't1' })
    await road.start()
    expect(await road.left('t1')).toMatchObject({ result: '{"forwarded":"mem://there","existing":true}' })
  })

  it('leaves what another clock takes for late to its own', async () => {
    await road.from.send('job', 1, { id: 't1', deadline: '2m' })
    road.trouble = new ConfigError('OPTION_INVALID', 'expected `deadline` to lie ahead', { subject: 'deadline' })
    await road.start()
    await road.clock.advance('3m')
    expect(await road.left('t1')).toMatchObject({ state: 'exception', reason: 'deadline-exceeded' })
  })

  it('sends what waited for a time or for others when the wait is over, with what it took from them', async () => {
    const here = defineTask({ name: 'here', queue: 'here', run: () => ({ total: 42 }) })
    await road.from.send(here, undefined, { id: 'a' })
    await road.from.send('there', undefined, { id: 'b', dependencies: ['a'], bind: 'one' })
    await road.from.send('later', { n: 1 }, { id: 'c', delay: '2h' })
    await road.start()
    expect([await road.arrived('b'), await road.arrived('c')]).toEqual([undefined, undefined])
    const worker = new Worker({ broker: road.from, tasks: [here], queues: ['here'], clock: road.clock, logger: silentLogger })
    await worker.start()
    onTestFinished(() => worker.stop({ cold: true }))
    await road.clock.advance('1s')
    const arrived = await road.arrived('b')
    expect([arrived?.input, arrived?.state, arrived?.extras]).toEqual(['{"total":42}', 'pending', undefined])
    await road.clock.advance('2h')
    expect(await road.arrived('c')).toMatchObject({ input: '{"n":1}', state: 'pending', dueAt: undefined })
  })

  it('fails what the other broker refuses with its reason, at once', async () => {
    road.trouble = new ConfigError('UNSUPPORTED', 'expected no `key`')
    await road.from.send('job', null, { id: 't1', retryLimit: 5 })
    await road.start()
    const failure = { code: 'UNSUPPORTED', message: '[unsupported] expected no `key`' }
    expect(await road.left('t1')).toMatchObject({ state: 'failed', run: 0, retries: 0, failure })
  })

  it('knows its names for limits and revokes as any worker', async () => {
    const forwarder = await road.start()
    await road.from.control.request('rate_limit', { task_name: 'slow', rate_limit: '1/m' }, { timeoutMs: 0, limit: 1 })
    await road.clock.advance(0)
    for (const id of ['s1', 's2']) await road.from.send('slow', null, { id })
    await road.from.send('quick', null, { id: 'q1' })
    await road.clock.advance(0)
    expect([await road.arrived('s1'), await road.arrived('q1')]).toMatchObject([{ id: 's1' }, { id: 'q1' }])
    expect(await road.arrived('s2')).toBeUndefined()
    expect([...forwarder.registry.keys()].sort()).toEqual(['quick', 'slow'])
    await road.clock.advance('1m')
    expect(await road.arrived('s2')).toMatchObject({ id: 's2' })
  })
})

describe('while the other broker is away', () => {
  it('tasks wait for as long as it takes, at no cost to them, and it is told once', async () => {
    road.trouble = away
    // Neither its time limit nor its budgets are about the wait.
    for (let n = 0; n < 5; n++) await road.from.send('job', n, { id: `t${n}`, retryLimit: 0, timeout: '1s', lostLimit: 0 })
    const forwarder = await road.start({ concurrency: 3 })
    await road.clock.advance('24h')
    expect(road.told).toEqual(['warn tasks wait here until they are taken there'])
    // One that tries ever later: every 10 s in the end.
    expect(road.sends).toBeLessThan(24 * 360 + 20)
    expect(forwarder.pool.describe()).toMatchObject({ to: 'mem://there', away: road.clock.now() - 24 * 3_600_000 })
    road.trouble = undefined
    await road.clock.advance('10s')
    expect(road.told[1]).toBe('info tasks are taken there again')
    for (let n = 0; n < 5; n++) {
      const task = await road.left(`t${n}`)
      expect(task).toMatchObject({ state: 'completed', retries: 0, lost: 0, runs: [] })
      // One that had to try, others that went back once.
      expect(task?.run).toBeLessThanOrEqual(1)
      expect(await road.arrived(`t${n}`)).toMatchObject({ state: 'pending' })
    }
    expect(forwarder.pool.describe()).toMatchObject({ away: null })
  })

  it.each([
    new ConfigError('QUEUE_MISMATCH', 'the queue is there as another'),
    new BugError('BUG', 'the database met an error it does not know: 25006 read-only'),
    new TypeError('no function'),
  ])('what is no word on the task fails none: $name', async (trouble) => {
    road.trouble = trouble
    await road.from.send('job', null, { id: 't1' })
    await road.start()
    await road.clock.advance('1m')
    expect(await road.left('t1')).toMatchObject({ state: 'running' })
    road.trouble = undefined
    await road.clock.advance('10s')
    expect(await road.left('t1')).toMatchObject({ state: 'completed', run: 0 })
  })

  it('one queue there that takes nothing is told once and tried ever later, while others go on', async () => {
    road.trouble = away
    road.troubledQueue = 'full'
    await road.from.send('job', null, { id: 'waits', queue: 'full' })
    const forwarder = await road.start({ queues: ['full', 'default'] })
    for (let n = 0; n < 600; n++) {
      await road.from.send('job', n, { id: `t${n}` })
      await road.clock.advance('100ms')
    }
    expect(await road.left('t599')).toMatchObject({ state: 'completed' })
    expect(road.told).toEqual(['warn tasks wait here until they are taken there'])
    expect(forwarder.pool.describe()).toMatchObject({ away: road.clock.now() - 60_000 })
    // 600 of the others, and what one tries in a minute.
    expect(road.sends).toBeLessThan(600 + 20)
    road.trouble = undefined
    await road.clock.advance('10s')
    expect(await road.left('waits')).toMatchObject({ state: 'completed', run: 0 })
    expect(road.told[1]).toBe('info tasks are taken there again')
  })

  it('a task that is not taken where others of its queue are goes back for a while, and keeps nobody from its place', async () => {
    road.trouble = new BugError('BUG', 'nobody knows why')
    road.troubledTask = 'odd'
    await road.from.send('odd', null, { id: 'odd', retryLimit: 0, lostLimit: 0 })
    await road.start({ concurrency: 2 })
    for (let n = 0; n < 600; n++) {
      await road.from.send('job', n, { id: `t${n}` })
      await road.clock.advance('100ms')
    }
    const failure = { code: 'BUG', message: '[bug] nobody knows why' }
    expect(await road.left('odd')).toMatchObject({ state: 'scheduled', runs: [{ outcome: 'released', failure }] })
    expect(await road.left('t599')).toMatchObject({ state: 'completed' })
    // Twice for each time that it came: after 1 s, 2 s, 4 s ...
    expect(road.sends).toBeLessThan(600 + 2 * 7)
    road.trouble = undefined
    await road.clock.advance('1m')
    expect(await road.left('odd')).toMatchObject({ state: 'completed', retries: 0, lost: 0 })
  })

  it('a deadline passes, and a cancel counts: neither is sent', async () => {
    road.trouble = away
    await road.from.send('job', null, { id: 'late', deadline: '5s' })
    const cancelled = await road.from.send('job', null, { id: 'cancelled' })
    await road.start()
    await cancelled.cancel('enough')
    await road.clock.advance('20s')
    road.trouble = undefined
    await road.clock.advance('20s')
    expect(await road.left('late')).toMatchObject({ state: 'exception', reason: 'deadline-exceeded' })
    expect(await road.left('cancelled')).toMatchObject({ state: 'exception', reason: 'cancelled' })
    expect([await road.arrived('late'), await road.arrived('cancelled')]).toEqual([undefined, undefined])
  })

  it("a schedule's deadline keeps the firings of an outage from piling up: only the last go on, with that deadline", async () => {
    road.trouble = away
    await road.start()
    const spec = { name: 'prices', everyMs: 10_000, task: 'prices.fetch', deadlineMs: 15_000 }
    await road.from.admin?.schedules.add(spec)
    await road.clock.advance('20m')
    const ended = await road.from.find({ states: ['exception'], limit: 1000 })
    expect(ended.tasks.length).toBeGreaterThanOrEqual(118)
    expect(new Set(ended.tasks.map(({ reason }) => reason))).toEqual(new Set(['deadline-exceeded']))
    await road.from.admin?.schedules.remove('prices')
    road.trouble = undefined
    await road.clock.advance('1m')
    const gone = (await road.from.find({ states: ['completed'], limit: 1000 })).tasks
    expect(gone.length + ended.tasks.length).toBeGreaterThanOrEqual(120)
    expect([1, 2]).toContain(gone.length)
    for (const { id, deadline } of gone) expect(await road.arrived(id)).toMatchObject({ deadline })
    expect((await road.there.find({ states: ['pending'] })).tasks).toHaveLength(gone.length)
  })

  it('a stop gives back at once what waits, and after a moment what nobody answers', async () => {
    road.trouble = away
    await road.from.send('job', null, { id: 't1' })
    const first = await road.start()
    await first.stop()
    expect(await road.left('t1')).toMatchObject({ state: 'pending', run: 0 })
    road.isStuck = true
    const second = await road.start()
    expect(second.pool.describe()).toMatchObject({ away: null })
    const since = road.clock.now()
    await road.clock.advance('5s')
    expect(second.pool.describe()).toMatchObject({ away: since })
    const stopped = second.stop()
    await road.clock.advance('1900ms')
    expect(await road.left('t1')).toMatchObject({ state: 'running', run: 1 })
    await road.clock.advance('100ms')
    await stopped
    expect(await road.left('t1')).toMatchObject({ state: 'pending', run: 1, retries: 0 })
    road.isStuck = false
    road.trouble = undefined
    await road.start()
    expect(await road.left('t1')).toMatchObject({ state: 'completed', run: 2, retries: 0 })
  })

  it('a crash is no loss of the task, which another forwarder sends', async () => {
    road.isStuck = true
    await road.from.send('job', null, { id: 'none', lostLimit: 0 })
    await road.from.send('job', null, { id: 'some', lostLimit: 2 })
    await road.start()
    for (let crash = 0; crash < 4; crash++) {
      const [worker] = (await road.from.admin?.workers()) ?? []
      await road.from.desk?.lose(worker?.holder ?? '', road.clock.now())
      await road.clock.advance('1s')
    }
    expect(await road.left('none')).toMatchObject({ state: 'running', lost: 0 })
    expect(await road.left('some')).toMatchObject({ state: 'running', lost: 1 })
  })
})

describe('what cannot be', () => {
  it('is refused by the options', () => {
    const { from, to } = road
    const make = (options: object) => () => createForwarder({ from, to, ...options })
    expect(make({ toQueue: 'a b' })).toThrow('queue name')
    expect(make({ concurrency: 0 })).toThrow('`concurrency`')
    expect(make({ too: to })).toThrow('did you mean `to`?')
  })

  it('is refused at the start: the same queue by whatever way, and a source that keeps no tasks', async () => {
    const { from, to, clock } = road
    const start = async (options: Pick<ForwarderOptions, 'from' | 'to'>) => {
      const forwarder = createForwarder({ ...options, clock, logger: silentLogger })
      forwarder.on('fatal', () => {})
      return forwarder.start()
    }
    await expect(start({ from, to: { ...from } })).rejects.toThrow(/expected to forward to another broker, got the one that/)
    await expect(start({ from: { ...from, admin: undefined, name: 'celery' }, to })).rejects.toThrow(
      'expected to forward from a broker that keeps its tasks, got: celery',
    )
  })
})
