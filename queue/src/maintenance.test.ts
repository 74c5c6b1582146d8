import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world({ retention: { completed: '1h', failed: '2h', exception: '2h', result: '30m' } })
})
afterEach(() => w.close())

test('a deadline that passes ends a waiting task within a second', async () => {
  await new Recorder().open(w.broker, { tasks: [{ name: 'another' }] })
  await w.broker.tasks.send([job('a', { deadline: w.clock.now() + 5_000 })])
  await w.clock.advance(4_999)
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'pending' }])
  await w.clock.advance(1_000)
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'exception', reason: 'deadline-exceeded' }])
})

test('a deadline that passes aborts a running task and fences it', async () => {
  await w.broker.tasks.send([job('a', { deadline: w.clock.now() + 5_000 })])
  const recorder = await new Recorder().open(w.broker)
  await w.clock.advance(6_000)
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'deadline' }])
  expect(await recorder.delivery('a').settle({ type: 'completed', result: null })).toBe(false)
})

test('a broker that only sends maintains nothing, unless it is told to', async () => {
  await w.broker.tasks.send([job('a', { deadline: w.clock.now() + 5_000 })])
  await w.clock.advance(60_000)
  expect(w.calls.sweep).toBeUndefined()
  await w.another({ maintain: 'always' })
  await w.clock.advance(1_000)
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'exception' }])
})

test('history goes when its time is over: results first, then tasks, by state', async () => {
  await w.broker.tasks.send([job('done'), job('off')])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('done').settle({ type: 'completed', result: 'x' })
  await w.broker.tasks.cancel(['off'])
  await w.clock.advance(40 * 60_000)
  expect(await w.broker.results.get(['done'])).toMatchObject([{ state: 'completed', result: undefined }])
  await w.clock.advance(30 * 60_000)
  expect(await w.broker.results.get(['done', 'off'])).toMatchObject([{ state: 'unknown' }, { state: 'exception' }])
  await w.clock.advance(60 * 60_000)
  expect(await w.broker.results.get(['off'])).toMatchObject([{ state: 'unknown' }])
})

test('a long cleaning does not hold up deadlines', async () => {
  const { store } = w.backend
  let end = (_: number): void => {}
  store.prune = () => new Promise((resolve) => (end = resolve))
  const broker = await w.another()
  await new Recorder().open(broker, { tasks: [{ name: 'another' }] })
  await broker.tasks.send([job('a', { deadline: w.clock.now() + 5_000 })])
  await w.clock.advance(6_000)
  expect(await broker.results.get(['a'])).toMatchObject([{ state: 'exception', reason: 'deadline-exceeded' }])
  store.prune = async () => 0
  end(0)
})

test('where all that is overdue is kept by transactions of others, it is looked at again later', async () => {
  const { store } = w.backend
  const { sweep, update } = store
  let sweeps = 0
  store.sweep = async (now, limit) => {
    if (++sweeps > 100) throw new Error('it went on and on')
    const reply = await sweep(now, limit)
    return reply.overdue.length < limit ? reply : { ...reply, nextAt: now + 1 }
  }
  store.update = async (changes, options) =>
    options?.kept === 'pass' ? { applied: changes.map(() => false), ready: [], resolved: [] } : update(changes, options)
  const broker = await w.another()
  await new Recorder().open(broker, { tasks: [{ name: 'another' }] })
  const ids = Array.from({ length: 600 }, (_, n) => `t${n}`)
  await broker.tasks.send(ids.map((id) => job(id, { deadline: w.clock.now() + 5_000 })))
  await w.clock.advance(60_000)
  expect(sweeps).toBeLessThan(30)
  store.update = update
  await w.clock.advance(30_000)
  expect((await broker.results.get(ids)).filter(({ state }) => state !== 'exception')).toEqual([])
})

test('a worker that was called dead and lives is listed again at the next check', async () => {
  const recorder = await new Recorder().open(w.broker)
  const [before] = (await w.broker.admin?.workers()) ?? []
  // Another process has buried it, and it goes on.
  await w.backend.store.records.write([{ kind: 'worker', key: recorder.consumer.holder, value: null }])
  expect(await w.broker.admin?.workers()).toEqual([])
  await w.clock.advance(30_000)
  expect(await w.broker.admin?.workers()).toEqual([before])
  await recorder.consumer.close()
  await w.clock.advance(30_000)
  expect(await w.broker.admin?.workers()).toEqual([])
})
