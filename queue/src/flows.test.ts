import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

const failed = { type: 'failed', failure: { name: 'Error', message: 'no' } } as const

test('a chain runs in order, each task with the result before it', async () => {
  await w.broker.tasks.send([
    job('a', { input: 1 }),
    job('b', { dependencies: ['a'], bind: 'one' }),
    job('c', { dependencies: ['b'], bind: 'one' }),
  ])
  const recorder = new Recorder()
  recorder.outcome = (delivery) => ({ type: 'completed', result: Number(delivery.message.input) + 1 })
  await recorder.open(w.broker)
  await settled()
  expect(recorder.deliveries.map((delivery) => [delivery.message.id, delivery.message.input])).toEqual([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
})

test('a chord gets all results in the order of its dependencies, whatever order they came in', async () => {
  const header = Array.from({ length: 20 }, (_, i) => `h${i}`)
  await w.broker.tasks.send([...header.map((id, i) => job(id, { input: i })), job('body', { dependencies: header, bind: 'all' })])
  const recorder = await new Recorder().open(w.broker, { prefetch: 50 })
  for (const delivery of [...recorder.deliveries].reverse())
    await delivery.settle({ type: 'completed', result: delivery.message.input })
  await settled()
  expect(recorder.delivery('body').message.input).toEqual(header.map((_, i) => i))
})

test('a failed dependency resolves the tasks behind it, all the way down, and whoever waits hears of it', async () => {
  await w.broker.tasks.send([job('a'), job('b', { dependencies: ['a'] }), job('c', { dependencies: ['b'] })])
  const waiting = w.broker.results.wait('c')
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle(failed)
  expect(await waiting).toMatchObject({ state: 'exception', reason: 'dependency-failed' })
})

test('`wait` leaves the task behind a failed one blocked until a rerun completes', async () => {
  await w.broker.tasks.send([job('a'), job('b', { dependencies: ['a'], onDependencyFailure: 'wait' })])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle(failed)
  await settled()
  expect(await w.broker.results.get(['b'])).toMatchObject([{ state: 'blocked' }])
  await w.broker.admin?.retry(['a'])
  await settled()
  await recorder.delivery('a').settle({ type: 'completed', result: null })
  await settled()
  expect(recorder.names).toEqual(['a', 'a', 'b'])
})

test('`all-resolved` is content with any end', async () => {
  await w.broker.tasks.send([job('a'), job('b', { dependencies: ['a'], requires: 'all-resolved', bind: 'one' })])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle(failed)
  await settled()
  expect(recorder.delivery('b').message.input).toBeNull()
})

test('where a key is held, its holder stands in for the task of the flow', async () => {
  await w.broker.tasks.send([job('holder', { key: 'k' })])
  const receipts = await w.broker.tasks.send([job('a', { key: 'k' }), job('b', { dependencies: ['a'], bind: 'one' })])
  expect(receipts).toEqual([
    { id: 'holder', status: 'existing' },
    { id: 'b', status: 'sent' },
  ])
  const recorder = await new Recorder().open(w.broker)
  expect(recorder.names).toEqual(['holder'])
  await recorder.delivery('holder').settle({ type: 'completed', result: 'of the holder' })
  await settled()
  expect(recorder.delivery('b').message).toMatchObject({ input: 'of the holder', dependencies: ['holder'] })
})

test('one that stands in for several gives each of them its result, in their places', async () => {
  await w.broker.tasks.send([job('holder', { key: 'k' })])
  await w.broker.tasks.send([
    job('x', { key: 'k' }),
    job('other'),
    job('y', { key: 'k' }),
    job('b', { dependencies: ['x', 'other', 'y'], bind: 'all' }),
  ])
  const recorder = new Recorder()
  recorder.outcome = ({ message }) => ({ type: 'completed', result: `of ${message.id}` })
  await recorder.open(w.broker)
  await settled()
  const { message } = recorder.delivery('b')
  expect(message.input).toEqual(['of holder', 'of other', 'of holder'])
  expect(message.dependencies).toEqual(['holder', 'other', 'holder'])
  expect(message).not.toHaveProperty('standIns')
})

test('a task may take the first results and only wait for the rest', async () => {
  await w.broker.tasks.send([job('holder', { key: 'k' })])
  await w.broker.tasks.send([
    job('x', { key: 'k' }),
    job('y'),
    job('rest'),
    job('two', { dependencies: ['x', 'y', 'rest'], bind: { first: 2 } }),
    job('one', { dependencies: ['y', 'rest'], bind: { first: 1 } }),
  ])
  const recorder = new Recorder()
  recorder.outcome = ({ message }) => ({ type: 'completed', result: `of ${message.id}` })
  await recorder.open(w.broker)
  await settled()
  expect(recorder.delivery('two').message.input).toEqual(['of holder', 'of y'])
  expect(recorder.delivery('two').message.dependencies).toEqual(['holder', 'y', 'rest'])
  expect(recorder.delivery('one').message.input).toEqual(['of y'])
})

test('a flow is the same flow when it is sent again after a stand-in let go of its key', async () => {
  const flow = [job('a', { key: 'k' }), job('b', { dependencies: ['a'], bind: 'one' })]
  await w.broker.tasks.send([job('holder', { key: 'k' })])
  await w.broker.tasks.send(flow)
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('holder').settle({ type: 'completed', result: 'of the holder' })
  expect(await w.broker.tasks.send(flow)).toEqual([
    { id: 'a', status: 'sent' },
    { id: 'b', status: 'existing' },
  ])
  await settled()
  expect(recorder.delivery('b').message.input).toBe('of the holder')
})

test('a flow that depends on what is over already starts at once', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'completed', result: 'early' })
  await w.broker.tasks.send([job('b', { dependencies: ['a'], bind: 'one' })])
  await settled()
  expect(recorder.delivery('b').message.input).toBe('early')
})

test('a delayed task that was blocked waits for its time after its dependencies', async () => {
  await w.broker.tasks.send([job('a'), job('b', { dependencies: ['a'], at: w.clock.now() + 60_000 })])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'completed', result: null })
  await settled()
  expect(await w.broker.results.get(['b'])).toMatchObject([{ state: 'scheduled' }])
  await w.clock.advance(60_000)
  expect(recorder.names).toEqual(['a', 'b'])
})

test('a task whose input could not be built goes back and is tried again', async () => {
  await w.broker.tasks.send([job('a', { input: 1 }), job('b', { dependencies: ['a'], bind: 'one' })])
  const recorder = await new Recorder().open(w.broker)
  const { store } = w.backend
  const get = store.get
  store.get = () => Promise.reject(new TypeError('busy'))
  await recorder.delivery('a').settle({ type: 'completed', result: 7 })
  await settled()
  expect(recorder.names).toEqual(['a'])
  store.get = get
  await w.clock.advance(1_000)
  expect(recorder.delivery('b').message.input).toBe(7)
})
