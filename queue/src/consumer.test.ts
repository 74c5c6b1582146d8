import { afterEach, beforeEach, expect, test } from 'vitest'
import { deafSignal, job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

test('the most urgent comes first, then the oldest', async () => {
  await w.broker.tasks.send([job('low', { priority: 2 }), job('first'), job('second'), job('urgent', { priority: 7 })])
  const recorder = await new Recorder().open(w.broker)
  expect(recorder.names).toEqual(['urgent', 'first', 'second', 'low'])
})

test('no more is delivered than the prefetch allows, and settling makes room', async () => {
  await w.broker.tasks.send(Array.from({ length: 5 }, (_, i) => job(`t${i}`)))
  const recorder = await new Recorder().open(w.broker, { prefetch: 2 })
  expect(recorder.names).toEqual(['t0', 't1'])
  expect(await recorder.delivery('t0').settle({ type: 'completed', result: 1 })).toBe(true)
  await settled()
  expect(recorder.names).toEqual(['t0', 't1', 't2'])
  recorder.consumer.setPrefetch(4)
  await settled()
  expect(recorder.names).toEqual(['t0', 't1', 't2', 't3', 't4'])
})

test('names that are skipped stay with the queue until they are asked for again', async () => {
  const recorder = await new Recorder().open(w.broker, { tasks: [{ name: 'job' }, { name: 'slow' }] })
  recorder.consumer.skip?.(['slow'])
  await w.broker.tasks.send([job('s', { name: 'slow' }), job('a')])
  await settled()
  expect(recorder.names).toEqual(['a'])
  recorder.consumer.skip?.(['slow', 'job'])
  await w.broker.tasks.send([job('b')])
  await settled()
  expect(recorder.names).toEqual(['a'])
  recorder.consumer.skip?.([])
  await settled()
  expect(recorder.names).toEqual(['a', 's', 'b'])
})

test('queues that rest are known as before, and nothing of them comes until they are asked for again', async () => {
  const recorder = await new Recorder().open(w.broker, { queues: ['default', 'other'] })
  recorder.consumer.rest?.(['other'])
  await w.broker.tasks.send([job('o', { queue: 'other' }), job('a')])
  await settled()
  expect(recorder.names).toEqual(['a'])
  expect(await w.broker.admin?.workers()).toMatchObject([{ queues: ['default', 'other'] }])
  recorder.consumer.rest?.(['other', 'default'])
  await w.broker.tasks.send([job('b')])
  await settled()
  expect(recorder.names).toEqual(['a'])
  recorder.consumer.rest?.([])
  await settled()
  expect(recorder.names).toEqual(['a', 'o', 'b'])
})

test('who hands tasks on gets those of every name, is known for it, and can leave none out', async () => {
  const recorder = await new Recorder().open(w.broker, { tasks: [], everyTask: true })
  recorder.consumer.skip?.(['slow'])
  await w.broker.tasks.send([job('s', { name: 'slow' }), job('a'), job('elsewhere', { queue: 'other' })])
  await settled()
  expect(recorder.names).toEqual(['s', 'a'])
  expect(await w.broker.admin?.workers()).toMatchObject([{ tasks: [], everyTask: true }])
  expect((await w.broker.admin?.explain('elsewhere'))?.reasons).toEqual([
    expect.stringMatching(/^No worker that knows job consumes queue other; .* could/),
  ])
})

test('a send wakes an idle consumer, which asked nothing while it waited', async () => {
  const recorder = await new Recorder().open(w.broker)
  const asked = { ...w.calls }
  await w.clock.advance(29_000)
  expect(w.calls).toEqual(asked)
  await w.broker.tasks.send([job('a')])
  await settled()
  expect(recorder.names).toEqual(['a'])
})

test('when signals are back after a time in which they were lost, it looks at once', async () => {
  const back = new Set<() => void>()
  const onBack = (listener: () => void) => {
    back.add(listener)
    return () => void back.delete(listener)
  }
  const deaf = await w.another({ signal: { ...deafSignal, onBack } })
  const recorder = await new Recorder().open(deaf)
  await w.broker.tasks.send([job('a')])
  const result = deaf.results.wait('a')
  await settled()
  expect(recorder.names).toEqual([])
  for (const listener of back) listener()
  await settled()
  expect(recorder.names).toEqual(['a'])
  await recorder.delivery('a').settle({ type: 'completed', result: 1 })
  for (const listener of back) listener()
  expect(await result).toMatchObject({ result: 1 })
  await deaf.close()
  expect(back.size).toBe(0)
})

test('a send of another process wakes it as well', async () => {
  const recorder = await new Recorder().open(w.broker)
  const other = await w.another()
  await other.tasks.send([job('a')])
  await settled()
  expect(recorder.names).toEqual(['a'])
})

test('where every signal is lost the slow check finds the work', async () => {
  const deaf = await w.another({ signal: deafSignal })
  const recorder = await new Recorder().open(deaf)
  await w.broker.tasks.send([job('a')])
  await w.clock.advance(29_000)
  expect(recorder.names).toEqual([])
  await w.clock.advance(2_000)
  expect(recorder.names).toEqual(['a'])
})

test('a scheduled task arrives at its time, without questions in between', async () => {
  const recorder = await new Recorder().open(w.broker)
  await w.broker.tasks.send([job('later', { at: w.clock.now() + 10_000 })])
  await settled()
  const claims = w.calls.claim
  await w.clock.advance(9_999)
  expect(w.calls.claim).toBe(claims)
  await w.clock.advance(1)
  expect(recorder.names).toEqual(['later'])
})

test('a task sent for an earlier time than the one slept for is not late', async () => {
  const recorder = await new Recorder().open(w.broker)
  await w.broker.tasks.send([job('late', { at: w.clock.now() + 20_000 })])
  await settled()
  await w.broker.tasks.send([job('early', { at: w.clock.now() + 1_000 })])
  await w.clock.advance(1_000)
  expect(recorder.names).toEqual(['early'])
})

test('names that the worker does not know stay pending', async () => {
  await w.broker.tasks.send([job('a', { name: 'stranger' }), job('b')])
  const recorder = await new Recorder().open(w.broker)
  expect(recorder.names).toEqual(['b'])
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'pending' }])
})

test('pause keeps new tasks away, resume fetches them', async () => {
  const recorder = await new Recorder().open(w.broker)
  recorder.consumer.pause()
  await w.broker.tasks.send([job('a')])
  await settled()
  expect(recorder.names).toEqual([])
  recorder.consumer.resume()
  await settled()
  expect(recorder.names).toEqual(['a'])
})

test('queues can be added and cancelled while it runs', async () => {
  const recorder = await new Recorder().open(w.broker)
  await w.broker.tasks.send([job('a', { queue: 'other' })])
  await settled()
  expect(recorder.names).toEqual([])
  await recorder.consumer.addQueue('other')
  await settled()
  expect(recorder.names).toEqual(['a'])
  expect((await w.broker.admin?.workers())?.[0]?.queues).toEqual(['default', 'other'])
  await recorder.consumer.cancelQueue('default')
  await w.broker.tasks.send([job('b')])
  await settled()
  expect(recorder.names).toEqual(['a'])
})

test('a paused queue gives nothing to anyone until it is resumed', async () => {
  await w.broker.admin?.pauseQueue('default')
  const recorder = await new Recorder().open(w.broker)
  await w.broker.tasks.send([job('a')])
  await settled()
  expect(recorder.names).toEqual([])
  await w.broker.admin?.resumeQueue('default')
  await settled()
  expect(recorder.names).toEqual(['a'])
})

test('closing gives back what was not settled, and another worker gets it', async () => {
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  const other = await new Recorder().open(w.broker, { worker: 'other@host' })
  await recorder.consumer.close()
  await settled()
  expect(other.names).toEqual(['a'])
  expect(other.delivery('a').redelivered).toBe(true)
  expect(await recorder.delivery('a').settle({ type: 'completed', result: null })).toBe(false)
  expect((await w.broker.admin?.workers())?.map((worker) => worker.name)).toEqual(['other@host'])
})

test('an input that is not JSON is rejected as malformed, and the rest goes on', async () => {
  await w.backend.store.insert([
    { id: 'bad', name: 'job', queue: 'default', priority: 4, input: '{oops', lostLimit: 5, createdAt: w.clock.now() },
  ])
  await w.broker.tasks.send([job('good')])
  const recorder = await new Recorder().open(w.broker)
  await settled()
  expect(recorder.names).toEqual(['good'])
  expect(await w.broker.results.get(['bad'])).toMatchObject([{ state: 'exception', reason: 'malformed-payload' }])
})

test('a store that fails is told of and tried again', async () => {
  const recorder = await new Recorder().open(w.broker)
  const claim = w.backend.store.claim
  let failures = 2
  w.backend.store.claim = (request) =>
    failures-- > 0 ? Promise.reject(new TypeError('disk gone')) : claim.call(w.backend.store, request)
  await w.broker.tasks.send([job('a')])
  await w.clock.advance(3_000)
  expect(recorder.errors.map((error) => error.message)).toEqual(['disk gone', 'disk gone'])
  expect(recorder.names).toEqual(['a'])
})

test('closing a broker tells the handlers of what it gives back', async () => {
  await w.broker.tasks.send([job('a')])
  const broker = await w.another()
  const recorder = await new Recorder().open(broker)
  await broker.close()
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'lost' }])
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'pending' }])
})

test('a consumer that could not be opened takes nothing, and the next one can', async () => {
  const { records } = w.backend.store
  const write = records.write
  records.write = () => Promise.reject(new TypeError('busy'))
  await expect(new Recorder().open(w.broker)).rejects.toThrow('busy')
  records.write = write
  await w.broker.tasks.send([job('a')])
  await settled()
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'pending' }])
  expect((await new Recorder().open(w.broker)).names).toEqual(['a'])
})

test('a broker whose first consumer failed is not spoilt', async () => {
  const { signal } = w.backend
  const subscribe = signal.subscribe
  signal.subscribe = () => Promise.reject(new TypeError('no socket'))
  await expect(new Recorder().open(w.broker)).rejects.toThrow('no socket')
  await expect(w.broker.results.wait('a')).rejects.toThrow('no socket')
  signal.subscribe = subscribe
  await w.broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(w.broker)
  const waiting = w.broker.results.wait('a')
  await recorder.delivery('a').settle({ type: 'completed', result: 1 })
  expect(await waiting).toMatchObject({ state: 'completed' })
})

test('closing goes on where a step fails, and says so', async () => {
  const broker = await w.another({ close: () => Promise.reject(new TypeError('last')) })
  await new Recorder().open(broker)
  const { records } = w.backend.store
  const write = records.write
  records.write = () => Promise.reject(new TypeError('first'))
  await expect(broker.close()).rejects.toThrow('first')
  records.write = write
  expect(w.backend.signal.heard('due')).toBe(false)
})

test('a consumer that cannot even say that it goes holds the process no longer', async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const { records } = w.backend.store
  const write = records.write
  records.write = () => Promise.reject(new TypeError('full'))
  await expect(new Recorder().open(w.broker)).rejects.toThrow('full')
  records.write = write
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before)
})

test('a queue that is added twice at once is left at one word', async () => {
  const recorder = await new Recorder().open(w.broker)
  await Promise.all([recorder.consumer.addQueue('more'), recorder.consumer.addQueue('more')])
  await recorder.consumer.cancelQueue('more')
  expect(w.backend.signal.heard('ready.more')).toBe(false)
})

test('a broker that closes meanwhile leaves no consumer open', async () => {
  const consuming = new Recorder().open(w.broker)
  await w.broker.close()
  await expect(consuming).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  expect(await w.backend.store.records.list('worker')).toEqual([])
})
