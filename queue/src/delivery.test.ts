import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
let recorder: Recorder
beforeEach(async () => {
  w = await world()
  recorder = await new Recorder().open(w.broker)
})
afterEach(() => w.close())

async function delivered(id = 'a', more: Parameters<typeof job>[1] = {}) {
  await w.broker.tasks.send([job(id, more)])
  await settled()
  return recorder.delivery(id)
}

async function task(id = 'a') {
  const [found] = (await w.broker.admin?.get([id])) ?? []
  return found
}

test('completed keeps the result', async () => {
  const delivery = await delivered()
  expect(await delivery.settle({ type: 'completed', result: { sum: 3 } })).toBe(true)
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'completed', result: { sum: 3 } }])
})

test('failed keeps the failure and is not tried again', async () => {
  const delivery = await delivered()
  await delivery.settle({ type: 'failed', failure: { name: 'TypeError', message: 'no' } })
  await w.clock.advance(100_000)
  expect(recorder.names).toEqual(['a'])
  expect(await task()).toMatchObject({ state: 'failed', failure: { name: 'TypeError', message: 'no' } })
})

test('retried comes back after its delay with the next run number and one retry used', async () => {
  const first = await delivered('a', { retryLimit: 2 })
  await first.settle({ type: 'retried', delayMs: 5_000, limit: 9, failure: { name: 'Error', message: 'once' } })
  expect(await task()).toMatchObject({ state: 'scheduled', retries: 1 })
  await w.clock.advance(5_000)
  expect(recorder.delivery('a').message).toMatchObject({ run: 1, retries: 1 })
  expect((await task())?.runs).toMatchObject([
    { run: 0, outcome: 'retried', worker: 'worker@host', failure: { message: 'once' } },
  ])
})

test('the limit of the sender stands above that of the worker, and a spent budget fails the task', async () => {
  const first = await delivered('a', { retryLimit: 1 })
  await first.settle({ type: 'retried', delayMs: 0, limit: 9 })
  await settled()
  const second = recorder.delivery('a')
  expect(second.message.run).toBe(1)
  const failure = { name: 'Error', message: 'last' }
  await second.settle({ type: 'retried', delayMs: 0, limit: 9, failure, reason: 'timeout' })
  expect(await task()).toMatchObject({ state: 'failed', reason: 'timeout', failure: { message: 'last' }, retries: 1 })
})

test('released costs no budget', async () => {
  const first = await delivered()
  await first.settle({ type: 'released' })
  await settled()
  expect(recorder.delivery('a').message).toMatchObject({ run: 1, retries: 0, lost: 0 })
})

test('one that is abandoned takes no room, and comes again after a while', async () => {
  recorder.consumer.setPrefetch(1)
  const first = await delivered()
  await w.broker.tasks.send([job('b')])
  await settled()
  expect(recorder.names).toEqual(['a'])
  first.abandon?.()
  await settled()
  expect(recorder.names).toEqual(['a', 'b'])
  expect(await first.settle({ type: 'completed', result: 1 })).toBe(false)
  await recorder.delivery('b').settle({ type: 'completed', result: 1 })
  await w.clock.advance(10_000)
  expect(recorder.delivery('a').message).toMatchObject({ run: 1, retries: 0, lost: 0 })
  first.abandon?.()
  expect(await recorder.delivery('a').settle({ type: 'completed', result: 2 })).toBe(true)
})

test('released says what kept it from running, once for all releases alike', async () => {
  const failure = { name: 'Error', message: 'no such module' }
  await delivered()
  for (let i = 0; i < 3; i++) {
    await recorder.delivery('a').settle({ type: 'released', failure })
    await settled()
  }
  await recorder.delivery('a').settle({ type: 'released', failure: { name: 'Error', message: 'another' } })
  const [task] = (await w.broker.admin?.get(['a'])) ?? []
  expect(task?.runs.map(({ run, outcome, failure }) => [run, outcome, failure?.message])).toEqual([
    [0, 'released', 'no such module'],
    [3, 'released', 'another'],
  ])
})

test('rejected and cancelled are exceptions with their reasons', async () => {
  const bad = await delivered('bad')
  await bad.settle({ type: 'rejected', reason: 'malformed-payload', failure: { name: 'TaskError', message: 'width' } })
  const off = await delivered('off')
  await off.settle({ type: 'cancelled', message: 'not needed' })
  expect(await task('bad')).toMatchObject({ state: 'exception', reason: 'malformed-payload', failure: { message: 'width' } })
  expect(await task('off')).toMatchObject({ state: 'exception', reason: 'cancelled', failure: { message: 'not needed' } })
})

test('a result that cannot be written is refused, and another outcome may follow', async () => {
  const delivery = await delivered()
  await expect(delivery.settle({ type: 'completed', result: 1n })).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
  expect((await task())?.state).toBe('running')
  expect(await delivery.settle({ type: 'failed', failure: { name: 'Error', message: 'odd' } })).toBe(true)
  expect(await task()).toMatchObject({ state: 'failed', failure: { message: 'odd' } })
})

test('where a loss would be counted only then, the store hears that a run begins', async () => {
  const delivery = await delivered('a', { lostLimit: 0 })
  expect((await task())?.startedAt).toBe(w.clock.now())
  expect(await delivery.accept()).toBe(true)
  await w.backend.store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'pending' } }])
  expect(await delivery.accept()).toBe(false)
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'lost' }])
  const other = await delivered('b')
  expect(other.accept()).toBeUndefined()
})

test('a delivery is settled once', async () => {
  const delivery = await delivered()
  await delivery.settle({ type: 'completed', result: 1 })
  await expect(delivery.settle({ type: 'completed', result: 2 })).rejects.toMatchObject({ code: 'SETTLED_TWICE' })
})

test('a settlement that the store refused for a while can be made again', async () => {
  const delivery = await delivered()
  const update = w.backend.store.update
  w.backend.store.update = () => Promise.reject(new TypeError('disk full'))
  await expect(delivery.settle({ type: 'completed', result: 1 })).rejects.toThrow('disk full')
  w.backend.store.update = update
  expect(await delivery.settle({ type: 'completed', result: 1 })).toBe(true)
})

test('settlements of one tick share a call', async () => {
  await w.broker.tasks.send(Array.from({ length: 10 }, (_, i) => job(`t${i}`)))
  await settled()
  const updates = w.calls.update ?? 0
  await Promise.all(recorder.deliveries.map((delivery) => delivery.settle({ type: 'completed', result: null })))
  expect((w.calls.update ?? 0) - updates).toBe(1)
})

test('progress and log lines are kept, also those written right before the end', async () => {
  const delivery = await delivered()
  delivery.note({ progress: 0.5 })
  delivery.note({ line: { level: 'info', text: 'half' } })
  await settled()
  expect(await w.broker.results.get(['a'])).toMatchObject([{ progress: 0.5 }])
  delivery.note({ progress: 1, line: { level: 'warn', text: 'done' } })
  await delivery.settle({ type: 'completed', result: null })
  expect(await task()).toMatchObject({ state: 'completed', progress: '1' })
  expect((await w.broker.admin?.logs('a'))?.map((line) => line.text)).toEqual(['half', 'done'])
})

test('no input is undefined, null is null, and arguments arrive as they were sent', async () => {
  expect((await delivered('none')).message.input).toBeUndefined()
  expect((await delivered('null', { input: null })).message.input).toBeNull()
  expect((await delivered('args', { args: [1, 2], kwargs: { a: 1 } })).message).toMatchObject({ args: [1, 2], kwargs: { a: 1 } })
  expect(recorder.delivery('args').message.input).toBeUndefined()
})
