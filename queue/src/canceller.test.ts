import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

test('cancelling a pending task ends it with the reason', async () => {
  await w.broker.tasks.send([job('a')])
  expect(await w.broker.tasks.cancel(['a', 'nobody'], 'not needed')).toEqual([true, false])
  expect(await w.broker.results.get(['a'])).toMatchObject([
    { state: 'exception', reason: 'cancelled', failure: { message: 'not needed' } },
  ])
  const recorder = await new Recorder().open(w.broker)
  expect(recorder.names).toEqual([])
})

test('cancelling a running task aborts it in whatever process runs it, and fences its outcome', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(await w.another())
  expect(await w.broker.tasks.cancel(['a'])).toEqual([true])
  await settled()
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'cancelled' }])
  expect(await recorder.delivery('a').settle({ type: 'completed', result: null })).toBe(false)
})

test('what is over cannot be cancelled', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'completed', result: null })
  expect(await w.broker.tasks.cancel(['a'])).toEqual([false])
})

test('a task that moves between reading and writing is cancelled all the same', async () => {
  await w.broker.tasks.send([job('a')])
  const { store } = w.backend
  const update = store.update
  store.update = async (changes) => {
    store.update = update
    // In between a worker takes it.
    await store.claim({
      queues: ['default'],
      holder: 'h',
      worker: 'w',
      limit: 1,
      now: w.clock.now(),
      until: w.clock.now() + 1000,
    })
    return update.call(store, changes)
  }
  expect(await w.broker.tasks.cancel(['a'])).toEqual([true])
})

test('retry runs a failed task again with fresh budgets', async () => {
  await w.broker.tasks.send([job('a', { retryLimit: 0 })])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'failed', failure: { name: 'Error', message: 'first' } })
  expect(await w.broker.admin?.retry(['a'])).toEqual([true])
  await settled()
  expect(recorder.delivery('a').message).toMatchObject({ run: 1, retries: 0 })
  await recorder.delivery('a').settle({ type: 'completed', result: 'second' })
  const [task] = (await w.broker.admin?.get(['a'])) ?? []
  expect(task).toMatchObject({ state: 'completed', result: '"second"', failure: undefined })
  expect(task?.runs).toMatchObject([{ run: 0, outcome: 'failed' }])
})

test('a running task cannot be retried', async () => {
  await w.broker.tasks.send([job('a')])
  await new Recorder().open(w.broker)
  expect(await w.broker.admin?.retry(['a'])).toEqual([false])
})

test('many at once', async () => {
  const ids = Array.from({ length: 2500 }, (_, i) => `t${i}`)
  await w.broker.tasks.send(ids.map((id) => job(id)))
  expect((await w.broker.tasks.cancel(ids)).every(Boolean)).toBe(true)
})

test('a cancel that overtakes the answer to the claim keeps the task from its handler', async () => {
  const recorder = await new Recorder().open(w.broker)
  const { store } = w.backend
  const claim = store.claim
  let answer = (): void => {}
  store.claim = async (request) => {
    const reply = await claim.call(store, request)
    if (reply.tasks.length > 0) await new Promise<void>((resolve) => (answer = resolve))
    return reply
  }
  await w.broker.tasks.send([job('a')])
  await settled()
  expect(await w.broker.tasks.cancel(['a'])).toEqual([true])
  answer()
  await settled()
  expect(recorder.names).toEqual([])
})

test('an abort of an earlier run does not hit the run after it', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'released' })
  await settled()
  expect(recorder.delivery('a').message.run).toBe(1)
  const late = [{ id: 'a', run: 0, reason: 'lost' }]
  w.backend.signal.publish(`abort.${recorder.consumer.holder}`, JSON.stringify(late))
  await settled()
  expect(recorder.revoked).toEqual([])
})

test('a run that comes back to the worker that lost it ends the one before', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  await w.backend.store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'pending' } }])
  await w.broker.tasks.send([job('wakes')])
  await settled()
  expect(recorder.delivery('a').message.run).toBe(1)
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'lost' }])
})
