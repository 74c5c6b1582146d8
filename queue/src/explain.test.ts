import { byHandAt, httpHolderPrefix, httpPayloadName } from '@lovage/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

const reasons = async (id: string) => (await w.broker.admin?.explain(id))?.reasons.join(' ')

test('nobody works', async () => {
  await w.broker.tasks.send([job('a')])
  expect(await reasons('a')).toBe('No worker is running.')
})

test('nobody knows the task', async () => {
  await new Recorder().open(w.broker, { tasks: [{ name: 'other' }] })
  await w.broker.tasks.send([job('a')])
  expect(await reasons('a')).toBe('No live worker knows the task job; live: worker@host.')
})

test('those who know it do not consume its queue', async () => {
  await new Recorder().open(w.broker)
  await w.broker.tasks.send([job('a', { queue: 'slow' })])
  expect(await reasons('a')).toContain('lovage control add_consumer slow')
})

test('the queue is paused', async () => {
  await new Recorder().open(w.broker)
  await w.broker.admin?.pauseQueue('default')
  await w.broker.tasks.send([job('a')])
  expect(await reasons('a')).toContain('Queue default is paused')
})

test('it is for workers elsewhere, by hand, or with one of them', async () => {
  const http = { name: httpPayloadName, queue: 'a/b' }
  await w.broker.tasks.send([job('a', http), job('b', { ...http, at: byHandAt })])
  expect(await reasons('a')).toBe('It waits for a worker that claims from queue a/b over HTTP.')
  expect(await reasons('b')).toContain('until someone schedules it')
  const claim = { queues: ['a/b'], holder: `${httpHolderPrefix}w1`, worker: 'w1@group', limit: 1, leaseMs: 60_000, waitMs: 0 }
  await w.broker.desk?.claim(claim)
  expect(await reasons('a')).toMatch(/^Run 0 is with w1@group since .* good for another 1m\. It was claimed over HTTP/)
})

test('everybody is busy', async () => {
  await w.broker.tasks.send([job('a'), job('b')])
  await new Recorder().open(w.broker, { prefetch: 1 })
  expect(await reasons('b')).toMatch(/waits for a free place.* a rate limit of job holds it back/)
  expect(await reasons('a')).toMatch(/Run 0 is with worker@host since .*`lovage inspect query_task a`/)
  await w.backend.store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'running', startedAt: null } }])
  expect(await reasons('a')).toMatch(/Run 0 is with worker@host and has not begun.*`lovage inspect query_task a`/)
})

test('whom it waits for in the place of another', async () => {
  await w.broker.tasks.send([job('holder', { key: 'k' })])
  await w.broker.tasks.send([job('x', { key: 'k' }), job('y', { key: 'k' }), job('b', { dependencies: ['x', 'y'] })])
  expect(await reasons('b')).toBe('It waits for 1 of its dependencies: holder (pending, stands in for x, y).')
})

test('dependencies, time, retries, ends and strangers', async () => {
  await w.broker.tasks.send([job('a'), job('b', { dependencies: ['a'] }), job('c', { at: w.clock.now() + 90_000 })])
  expect(await reasons('b')).toContain('It waits for 1 of its dependencies: a (pending)')
  expect(await reasons('c')).toContain('It is due in 1m 30s')
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'retried', delayMs: 5_000, limit: 3, failure: { name: 'Error', message: 'flaky' } })
  expect(await reasons('a')).toContain('Run 0 on worker@host ended as retried: Error: flaky')
  await w.broker.tasks.cancel(['a'], 'enough')
  expect(await reasons('a')).toContain('It is over: exception')
  expect(await reasons('nobody')).toContain('No task has this id')
})

test('a dependency did not complete: the one where it began is told, however far back', async () => {
  await w.broker.tasks.send([job('a'), job('b'), job('c', { dependencies: ['a', 'b'] }), job('d', { dependencies: ['c'] })])
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('b').settle({ type: 'completed', result: 1 })
  await recorder.delivery('a').settle({ type: 'failed', failure: { name: 'RangeError', message: 'no luck' } })
  await w.broker.results.wait('d')
  expect(await reasons('c')).toMatch(
    /^It is over: exception .*dependency-failed.*It needed a \(job\), which is failed: RangeError: no luck$/,
  )
  expect(await reasons('d')).toMatch(/0 runs\. It needed a \(job\), which is failed: RangeError: no luck$/)
})
